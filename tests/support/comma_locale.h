/* comma_locale.h - a locale in which numbers have a decimal comma. */
#ifndef COMMA_LOCALE_H
#define COMMA_LOCALE_H

#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Takes such a locale for numbers, where one is installed or can be made here; false: there is none. setlocale(LC_NUMERIC, "C") goes back. */
static inline bool set_comma_locale(void)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8",  "fr_FR.UTF-8",
                                        "de_DE",       "nl_NL.UTF-8", "ru_RU.UTF-8"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (setlocale(LC_NUMERIC, names[i]) && !strcmp(localeconv()->decimal_point, ",")) return true;
    char dir[] = "/tmp/tapegrad_locale_XXXXXX", command[300];
    if (!mkdtemp(dir)) return false;
    snprintf(command, sizeof command, "localedef -i de_DE -f UTF-8 %s/de_DE.UTF-8 >%s/log 2>&1", dir, dir);
    const bool made = system(command) == 0 && setenv("LOCPATH", dir, 1) == 0 && setlocale(LC_NUMERIC, "de_DE.UTF-8") &&
                      !strcmp(localeconv()->decimal_point, ",");
    snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command) == 0 && made;
}

#endif
