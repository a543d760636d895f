/* What a public header wraps its declarations in.
 *
 * The tree is compiled with hidden names, so that what one room calls in another stays its own; what stands between
 * PF_PUBLIC_BEGIN and PF_PUBLIC_END is seen from outside of libpostfach, under the versions that
 * src/proto/libpostfach.map gives. A C++ compiler is told that the names are C's. */
#ifndef POSTFACH_PUBLIC_H
#define POSTFACH_PUBLIC_H

#ifdef __cplusplus
#define PF_PUBLIC_BEGIN extern "C" { _Pragma("GCC visibility push(default)")
#define PF_PUBLIC_END   _Pragma("GCC visibility pop") }
#else
#define PF_PUBLIC_BEGIN _Pragma("GCC visibility push(default)")
#define PF_PUBLIC_END   _Pragma("GCC visibility pop")
#endif

#endif
