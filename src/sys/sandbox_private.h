/* Parts of the sandbox. For sandbox*.c alone. */
#ifndef POSTFACH_SYS_SANDBOX_PRIVATE_H
#define POSTFACH_SYS_SANDBOX_PRIVATE_H

#include "sys/sandbox.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define PF_SANDBOX_LAX 1
#else
#define PF_SANDBOX_LAX 0
#endif

/* One more word for what is missing. */
void pf_sandbox_lacks(struct pf_sandbox_report *, const char *word);

enum pf_code pf_sandbox_landlock(const struct pf_sandbox *, struct pf_sandbox_report *, struct pf_err *err);
enum pf_code pf_sandbox_filter(const struct pf_sandbox *, struct pf_sandbox_report *, struct pf_err *err);

#endif
