/* SPDX-License-Identifier: Apache-2.0 */
/* Prints what is made from the table of settings: "example", the example file;
 * "man", culver.conf(5), whose frame is read from standard input and has the
 * settings put where the line "@SETTINGS@" stands. Runs while building. */
#include "server/settings.h"

#include <stdio.h>
#include <string.h>

static void print(struct buf *text)
{
	fwrite(buf_str(text).p, 1, buf_str(text).n, stdout);
	buf_fini(text);
}

static void print_man(void)
{
	char line[512];

	while (fgets(line, sizeof line, stdin)) {
		struct buf text;

		if (strcmp(line, "@SETTINGS@\n") != 0) {
			fputs(line, stdout);
			continue;
		}
		buf_init(&text, SIZE_MAX);
		settings_print_man(&text);
		print(&text);
	}
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "example") == 0) {
		struct buf text;

		buf_init(&text, SIZE_MAX);
		settings_print_example(&text);
		print(&text);
	} else if (argc == 2 && strcmp(argv[1], "man") == 0) {
		print_man();
	} else {
		fprintf(stderr, "usage: print_settings example | man <FRAME\n");
		return 2;
	}
	return fflush(stdout) ? 1 : 0;
}
