#!/usr/bin/env python3
"""libpostfach as others get it: installed into a folder of its own, found by pkg-config, doc/example built upon it."""
import contextlib
import os
import poplib
import re
import shutil
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import PATIENCE, TOP, run  # noqa: E402

WARNINGS = ["-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror"]
MAIL = b"Subject: hello\r\n\r\nOne line.\r\n.A dot at the head of a line.\r\n"
# What the C compiler puts into every shared object.
COMPILERS = re.compile(r"__dso_handle|__TMC_END__|completed\.\d+|_edata|_end|__bss_start|__data_start|data_start")


def said(*words, **more):
    done = subprocess.run(words, capture_output=True, text=True, check=False, **more)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}{done.stderr}"
    return done.stdout


class Installed:
    """The library, built as a packager builds it."""

    def __init__(self, folder):
        self.folder, self.build, self.root = folder, f"{folder}/build", f"{folder}/root"
        said("meson", "setup", self.build, TOP, "--prefix=/usr", "--libdir=lib", "--buildtype=release", "-Dtests=false",
             "-Db_sanitize=none", env={**os.environ, "CFLAGS": ""})
        said("ninja", "-C", self.build, "-j2", "src/proto/libpostfach.so.0.1.0", "src/proto/libpostfach.a")
        said("meson", "install", "-C", self.build, "--no-rebuild", "--destdir", self.root, "--tags", "libpostfach,devel")
        self.lib = f"{self.root}/usr/lib"
        self.env = {**os.environ, "LD_LIBRARY_PATH": self.lib}

    def flags(self, what):
        env = {**os.environ, "PKG_CONFIG_PATH": f"{self.lib}/pkgconfig", "PKG_CONFIG_SYSROOT_DIR": self.root}
        return said("pkg-config", what, "libpostfach", env=env).split()

    def program(self, name, static=False, **names):
        source = names.get("source", f"{TOP}/doc/example/{name}.c")
        out = f"{self.folder}/{name}{'-static' if static else ''}"
        libs = self.flags("--libs")
        if static:
            libs = [word if word != "-lpostfach" else "-l:libpostfach.a" for word in libs]
        language = ["g++", "-std=c++11"] if source.endswith(".cc") else ["gcc", "-std=gnu17", "-D_GNU_SOURCE"]
        if not shutil.which(language[0]):
            language[0] = "clang++"
        said(*language, *names.get("warnings", WARNINGS), *self.flags("--cflags"), source, *libs, "-o", out)
        return out


@contextlib.contextmanager
def served(program, env):
    with subprocess.Popen([program], stdout=subprocess.PIPE, text=True, env=env) as server:
        try:
            yield int(server.stdout.readline())
            assert server.poll() is None, "the server has ended"
        finally:
            server.kill()


def it_needs_the_c_library_and_nothing_else():
    dynamic = said("readelf", "-dW", f"{LIBRARY.lib}/libpostfach.so")
    assert re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic) == ["libc.so.6"], dynamic
    assert re.findall(r"\(SONAME\).*\[(.*)\]", dynamic) == ["libpostfach.so.0"], dynamic
    assert os.readlink(f"{LIBRARY.lib}/libpostfach.so.0") == "libpostfach.so.0.1.0"


def changing_state(objects):
    """Names of objects in .data and .bss; what is constant lies in .rodata and .data.rel.ro."""
    rows = re.findall(r"^[0-9a-f]+ .{7} (\.t?(?:data|bss)(?:\.(?!rel\.ro)\S+)?|\*COM\*)\t[0-9a-f]+ +(.+)$",
                      said("objdump", "-t", objects), re.M)
    return [name for section, name in rows if name != section and not COMPILERS.fullmatch(name.split()[-1])]


def it_has_no_state_of_its_own():
    with open(f"{LIBRARY.folder}/state.c", "w", encoding="utf-8") as file:
        file.write("static int count; int zero; int one = 1; static _Thread_local int mine; const char *const c = \"\";\n"
                   "int f(void); int f(void) { return ++count + ++mine; }\n")
    said("gcc", "-fPIC", "-c", f"{LIBRARY.folder}/state.c", "-o", f"{LIBRARY.folder}/state.o")
    assert sorted(changing_state(f"{LIBRARY.folder}/state.o")) == ["count", "mine", "one", "zero"]
    for name in ("libpostfach.so.0.1.0", "libpostfach.a"):
        assert not changing_state(f"{LIBRARY.lib}/{name}"), changing_state(f"{LIBRARY.lib}/{name}")


def every_installed_header_is_c11_and_cxx11():
    folder = f"{LIBRARY.root}/usr/include/postfach"
    headers = sorted(name for name in os.listdir(folder) if name.endswith(".h"))
    public = sorted(name for name in os.listdir(f"{TOP}/include/postfach") if name.endswith(".h"))
    assert headers == public, "src/proto/meson.build installs others than include/postfach has"
    compilers = [["gcc", "-std=c11", "-Wpedantic"], ["clang", "-std=c11", "-Wpedantic"],
                 ["g++", "-std=c++11", "-Wpedantic"], ["clang++", "-std=c++11", "-Wpedantic"]]
    tried = 0
    for words in compilers:
        if not shutil.which(words[0]):
            continue
        tried += words[0].endswith("++")
        for name in headers:
            path = f"{LIBRARY.folder}/x.{'cc' if words[0].endswith('++') else 'c'}"
            with open(path, "w", encoding="utf-8") as file:
                file.write(f"#include <postfach/{name}>\nextern int x;\nint x = 1;\n")
            said(*words, "-Wall", "-Wextra", "-Wconversion", "-Werror", f"-I{LIBRARY.root}/usr/include", "-fsyntax-only",
                 path)
    assert tried, "no C++ compiler here"


def cxx_programs_call_it():
    path = f"{LIBRARY.folder}/probe.cc"
    with open(path, "w", encoding="utf-8") as file:
        file.write("""
#include <postfach/dot.h>
#include <postfach/lmtp_server.h>
#include <postfach/pop3_client.h>
#include <postfach/pop3_server.h>
#include <cstdio>
int main()
{
    pf_pop3_server_settings set;
    static unsigned char buffer[PF_POP3_OUT_MIN];
    pf_pop3_server_settings_init(&set);
    pf_pop3_server *e = pf_pop3_server_new(&set, true, 1);
    pf_pop3_server_lend(e, buffer, sizeof buffer);
    pf_bytes in = PF_LIT("NOOP\\r\\nQUIT\\r\\n");
    in = pf_bytes_skip(in, pf_pop3_server_feed(e, in, 1));
    pf_bytes out = pf_pop3_server_out(e);
    std::fwrite(out.at, 1, out.len, stdout);
    pf_pop3_server_free(e);
    return in.len != 0;
}
""")
    said_so = said(LIBRARY.program("probe", source=path, warnings=["-Wall", "-Wextra", "-Wconversion", "-Werror"]),
                   env=LIBRARY.env)
    assert re.fullmatch(r"\+OK POP3 server ready\s+-ERR .*\s+\+OK bye\s+", said_so), said_so


def the_manual_shows_a_whole_session():
    path = f"{LIBRARY.folder}/manual.c"
    with open(f"{TOP}/man/libpostfach.3", encoding="utf-8") as page, open(path, "w", encoding="utf-8") as file:
        file.write(re.search(r"^\.Bd -literal\n(.*?)^\.Ed$", page.read(), re.S | re.M)[1].replace("\\e", "\\"))
    said_so = said(LIBRARY.program("manual", source=path), env=LIBRARY.env)
    assert said_so.endswith("\n+OK 9 octets\na\n\n..b\n.\n+OK bye\n"), said_so


def fetched(port, program, env):
    with tempfile.TemporaryDirectory(dir=LIBRARY.folder) as folder:
        done = subprocess.run([program, "127.0.0.1", str(port), "anna"], cwd=folder, env=env, input="secret\n", text=True,
                              capture_output=True, timeout=PATIENCE, check=False)
        assert done.returncode == 0 and os.listdir(folder) == ["1.eml"], done
        with open(f"{folder}/1.eml", "rb") as file:
            return file.read()


def the_examples_speak_with_each_other():
    for static in (False, True):
        env = os.environ if static else LIBRARY.env
        serve, fetch = LIBRARY.program("serve", static), LIBRARY.program("fetch", static)
        with served(serve, env) as port:
            assert fetched(port, fetch, env) == MAIL


def the_server_on_poll_serves_many_at_once_and_any_cutting():
    session = b"USER a\r\nPASS b\r\nRETR 1\r\nTOP 1 0\r\nDELE 1\r\nUIDL\r\nQUIT\r\n"
    with served(LIBRARY.program("serve"), LIBRARY.env) as port:
        quiet = [socket.create_connection(("127.0.0.1", port), PATIENCE) for _ in range(70)]  # more than seats
        quiet[0].sendall(session[:9])
        for guest in quiet[1:10]:
            guest.close()
        client = poplib.POP3("127.0.0.1", port, PATIENCE)
        client.user("anna"), client.pass_("x")
        assert client.stat() == (1, len(MAIL)) and client.uidl()[1] == [b"1 u1"]
        assert b"\r\n".join(client.retr(1)[1]) + b"\r\n" == MAIL
        client.quit()
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as one:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for octet in session:
                one.sendall(bytes([octet]))
            slowly = one.makefile("rb").read()
        quiet[0].sendall(session[9:])
        quiet[0].shutdown(socket.SHUT_WR)
        at_once = quiet[0].makefile("rb").read()
        assert slowly == at_once and slowly.count(b"\r\n..A dot") == 1 and slowly.endswith(b"\r\n+OK bye\r\n"), at_once
        for guest in quiet:
            guest.close()


with tempfile.TemporaryDirectory(prefix="pf-library.") as place:
    LIBRARY = Installed(place)
    run(it_needs_the_c_library_and_nothing_else, it_has_no_state_of_its_own, every_installed_header_is_c11_and_cxx11,
        cxx_programs_call_it, the_manual_shows_a_whole_session, the_examples_speak_with_each_other,
        the_server_on_poll_serves_many_at_once_and_any_cutting)
