/* postfach-token: an access token for a refresh token, for programs that do not want to carry what
 * speaks HTTP (tool/client_token.c). Its arguments are no secrets, those stand in files; its one line is
 * `token TEXT` or `error CODE TEXT`. */
#include "base/text.h"
#include "tool/secret.h"

#include <signal.h>
#include <stdio.h>

enum { URL = 1, CLIENT, REFRESH, SECRET, SCOPE, CA, TIME, WORDS };

static const char *given(const char *word)
{
    return word[0] ? word : NULL;
}

int main(int argc, char **argv)
{
    struct pf_account account;
    struct pf_secret_way way = {0};
    static struct pf_secret token;
    struct pf_err err;
    uint64_t time;

    signal(SIGPIPE, SIG_IGN);
    if (argc != WORDS || !pf_parse_u64(pf_bytes_of(argv[TIME]), &time) || time > 86400000) {
        fputs("postfach-token: started by other programs of Postfach (token-url in "
              "postfach-accounts(5))\n",
              stderr);
        return pf_verdict(PF_SYNTAX)->exit_status;
    }
    pf_account_defaults(&account);
    account.token_url = argv[URL];
    account.client_id = argv[CLIENT];
    account.refresh_token_file = argv[REFRESH];
    account.client_secret_file = given(argv[SECRET]);
    account.token_scope = given(argv[SCOPE]);
    way.ca = given(argv[CA]);
    way.timeout = (int64_t)time;
    if (pf_secret_token(&account, &way, &token, &err) == PF_OK)
        printf("token %s\n", token.text);
    else
        printf("error %s %s\n", pf_verdict(err.code)->name, err.log);
    pf_secret_wipe(&token);
    return fflush(stdout) == 0 ? 0 : pf_verdict(PF_IO)->exit_status;
}
