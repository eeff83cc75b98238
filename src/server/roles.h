/* SPDX-License-Identifier: Apache-2.0 */
/* roles: where each role's process begins; see role.h. The answer is its exit
 * code. */
#ifndef SERVER_ROLES_H
#define SERVER_ROLES_H

int front_main(int master_fd);	/* front_role.c */
int auth_main(int master_fd);	/* auth_role.c */
int mail_main(int master_fd);	/* mail_role.c */
int lookup_main(int master_fd); /* lookup_role.c */

#endif
