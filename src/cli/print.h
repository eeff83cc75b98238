/* SPDX-License-Identifier: Apache-2.0 */
/* print: what several commands do with the members of an answer. */
#ifndef CLI_PRINT_H
#define CLI_PRINT_H

#include <jansson.h>

/* "" and 0 when there is none. */
const char *print_string_of(const json_t *object, const char *member);
json_int_t print_integer_of(const json_t *object, const char *member);
/* "yes" or "no". */
const char *print_yes_no(const json_t *value);

/* Local time into room (32 bytes do), which is returned; `otherwise` for 0. */
const char *print_time(
	json_int_t seconds, const char *otherwise, char *room, size_t size);
/* "10gb"; "none" for 0. */
const char *print_size(json_int_t bytes, char *room, size_t size);
/* Words of an array, separated by commas; the caller's. */
char *print_words(const json_t *array);
/* Text that an outsider chose, on a terminal: control characters become "?".
 * The caller's. */
char *print_clean(const char *);

/* Items as the elements of one array: print_array_item for each, and
 * print_array_end. */
void print_array_item(const json_t *item, size_t *count);
void print_array_end(size_t count);

#endif
