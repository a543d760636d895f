/* The manual page of accounts and their list of settings say the same. */
#include "unit/cm.h"

#include "conf/accounts_private.h"

static char page[65536];

static void each_setting_is_in_the_page(void **state)
{
    FILE *file = fopen(PAGE, "re");
    char wanted[64];
    size_t items = 0;

    assert_non_null(file);
    assert_in_range(fread(page, 1, sizeof page - 1, file), 1000, sizeof page - 2);
    fclose(file);
    for (size_t i = 0; i < PF_ACCOUNTS_ROWS; i++) {
        snprintf(wanted, sizeof wanted, "\n.It Ic %s Ar ", pf_accounts_rows[i].row.name);
        if (!strstr(page, wanted))
            fail_msg("`%s` is not in the page", pf_accounts_rows[i].row.name);
    }
    for (const char *at = page; (at = strstr(at, "\n.It Ic ")); at++)
        items++;
    assert_int_equal(items, PF_ACCOUNTS_ROWS + 1); /* and filter */
    (void)state;
}

int main(void)
{
    const struct CMUnitTest tests[] = {T(each_setting_is_in_the_page)};

    return RUN(tests);
}
