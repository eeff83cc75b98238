/* SPDX-License-Identifier: Apache-2.0 */
/* notify: tells the service manager how we are (sd_notify(3)'s protocol: a
 * datagram to $NOTIFY_SOCKET). Nothing happens without one. */
#ifndef SERVER_NOTIFY_H
#define SERVER_NOTIFY_H

void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);

#endif
