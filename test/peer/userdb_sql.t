#!/usr/bin/env python3
"""Users in databases: SQLite, and Debian's PostgreSQL and MariaDB, which die, fall silent and come back meanwhile."""
import base64
import concurrent.futures
import contextlib
import functools
import os
import poplib
import re
import select
import smtplib
import socket
import sqlite3
import ssl
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import private_databases  # noqa: E402
from office import Office, run, wait_until  # noqa: E402

private_databases.ready_or_skip()
USERS = ("INSERT INTO users (name, domain, hash, home, tls) VALUES"
         " ('anna', 'example.org', '{PLAIN}secret', NULL, NULL), ('locked', 'example.org', NULL, NULL, NULL),"
         " ('careful', 'example.org', '{PLAIN}secret', NULL, true),"
         " ('twin', 'example.org', '{PLAIN}secret', NULL, NULL), ('twin', 'example.org', '{PLAIN}secret', NULL, NULL),"
         " ('slow', 'example.org', '{PLAIN}secret', NULL, NULL);")
QUERY = ("SELECT concat(name, '@', domain) AS user, hash AS password, home AS maildrop, tls AS needs_tls"
         " FROM users WHERE name = :name AND domain = :domain")
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    BOTH = list(pool.map(lambda kind: kind().start(), (private_databases.Postgresql, private_databases.Mariadb)))
for database in BOTH:
    database.fill(USERS)
POSTGRESQL, MARIADB = BOTH


def block(server, query=QUERY, timeout="20s"):
    return (f'userdb {server.kind} {{ connect "{server.connect}"; secret-file {server.secret}; timeout {timeout};'
            f' cache-time 0; query "{query}" }}\n')


def office(*blocks):
    place = Office(settings="".join(blocks), listens=["{ tls none; plaintext-login yes }"])
    for user in ("anna", "dora", "careful"):
        for folder in ("tmp", "new", "cur"):
            os.makedirs(os.path.join(place.maildir(user), folder))
    return place


def login(place, name="anna@example.org", secret="secret"):
    """What the server says to it, and the seconds until then."""
    client = poplib.POP3("localhost", place.pop3, timeout=60)
    begin = time.monotonic()
    try:
        client.user(name)
        said = client.pass_(secret)
        client.quit()
    except poplib.error_proto as error:
        said = error.args[0]
        client.close()
    return said.decode(), time.monotonic() - begin


def says(place, what, *words):
    said, took = login(place, *words)
    assert said.startswith(what), (said, words, place.log()[-1500:])
    return took


def with_both(test):
    """The same for each server, at the same time: much of it is waiting."""
    @functools.wraps(test)
    def both():
        with concurrent.futures.ThreadPoolExecutor(2) as threads:
            list(threads.map(test, BOTH))
    return both


@with_both
def users_wrong_passwords_and_those_who_may_not(server):
    with office(block(server)) as place:
        place.put("anna", b"Subject: x\n\nbody\n")
        place.start()
        says(place, "+OK")
        says(place, "-ERR [AUTH]", "anna@example.org", "wrong")
        says(place, "-ERR [AUTH]", "nobody@example.org")
        says(place, "-ERR [AUTH]", "anna@example.com")
        says(place, "-ERR [AUTH]", "locked@example.org", "")
        says(place, "-ERR [AUTH]", "locked@example.org", "NULL")
        says(place, "-ERR [AUTH]", "careful@example.org")
        says(place, "-ERR [SYS/TEMP]", "twin@example.org")
        assert "more than one row" in place.log()
        says(place, "+OK")
        assert 1 <= server.connections() <= 4


@with_both
def names_and_passwords_are_never_sql(server):
    tries = ("' OR 1=1 --", "anna@example.org' -- ", "\\' OR 1=1 -- ", "_nna@example.org", "$1", "?", ":name",
             "\u02bc OR 1=1 -- ", "x@' OR 1=1 --")
    with office(block(server)) as place:
        place.start()
        for name, secret in [(word, "secret") for word in tries] + [("anna@example.org", word) for word in tries]:
            client = poplib.POP3("localhost", place.pop3, timeout=60)
            plain = base64.b64encode(f"\0{name}\0{secret}".encode()).decode()
            client.sock.sendall(f"AUTH PLAIN {plain}\r\n".encode())
            said = client.file.readline()
            assert said.startswith(b"-ERR [AUTH]"), (name, secret, said)
            client.close()
        says(place, "+OK")


def the_database_says_how_a_name_is_spelled():
    """MariaDB takes ANNA for anna: that must not be a second maildrop."""
    with office(block(MARIADB)) as place:
        place.put("anna", b"Subject: x\n\nbody\n")
        place.start()
        client = poplib.POP3("localhost", place.pop3, timeout=60)
        client.user("ANNA@Example.ORG")
        client.pass_("secret")
        assert client.stat()[0] == 1
        client.quit()
    with office(block(MARIADB, "SELECT hash AS password FROM users WHERE name = :name")) as place:
        place.start()
        says(place, "-ERR [SYS/TEMP]")
        assert "no column `user`" in place.log()


@with_both
def a_query_that_cannot_be(server):
    for query, why in (("SELECT home AS maildrop FROM users WHERE name = :name", "no column `password`"),
                       ("SELECT hash AS password, home FROM users WHERE name = :name", "`home` means nothing"),
                       ("SELECT hash AS password FROM nowhere WHERE name = :name", "nowhere"),
                       ("SELECT concat(name) AS user, hash AS password, 'x/y' AS maildrop FROM users"
                        " WHERE name = :name", "`maildrop` has a value")):
        with office(block(server, query)) as place:
            place.start()
            says(place, "-ERR [SYS/TEMP]")
            assert why in place.log(), place.log()[-1000:]


@with_both
def tables_that_change_meanwhile(server):
    table = "mail.changing" if server is MARIADB else "changing"
    server.sql(f"CREATE TABLE {table} (user varchar(100), password varchar(100))" if server is MARIADB else
               f'CREATE TABLE {table} ("user" text, password text)')
    server.sql(f"INSERT INTO {table} VALUES ('anna@example.org', '{{PLAIN}}secret'); GRANT SELECT ON {table} TO " +
               ("pf@localhost" if server is MARIADB else "pf"))
    column = "user" if server is MARIADB else "changing.user"
    with office(block(server, f"SELECT * FROM {table} WHERE {column} = :user")) as place:
        place.start()
        says(place, "+OK")
        for change, what in (("ADD COLUMN needs_tls boolean", "+OK"), ("ADD COLUMN home int", "-ERR [SYS/TEMP]"),
                             ("RENAME COLUMN home TO expire", "+OK"), ("DROP COLUMN needs_tls", "+OK"),
                             ("DROP COLUMN expire", "+OK"), ("DROP COLUMN password", "-ERR [SYS/TEMP]")):
            server.sql(f"ALTER TABLE {table} {change}")
            if what == "+OK":
                wait_until(change, lambda: login(place)[0].startswith("+OK"))
            else:
                says(place, what)
        assert "`home` means nothing" in place.log() and "no column `password`" in place.log()
    server.sql(f"DROP TABLE {table}")


@with_both
def a_server_that_dies_is_no_wrong_password(server):
    with office(block(server, timeout="3s")) as place:
        place.start()
        says(place, "+OK")
        server.disconnect()
        says(place, "+OK")  # a connection that died is replaced without a word
        server.kill()
        for _ in range(20):
            assert says(place, "-ERR [SYS/TEMP]") < 10
        says(place, "-ERR [SYS/TEMP]", "anna@example.org", "wrong")
        assert place.log().count("left alone until") >= 10
        server.start()
        wait_until("the server to be tried again", lambda: login(place)[0].startswith("+OK"))
        says(place, "-ERR [AUTH]", "anna@example.org", "wrong")


@with_both
def a_secret_that_changes_is_read_anew(server):
    with office(block(server)) as place:
        place.start()
        says(place, "+OK")
        server.rotate("another one")
        says(place, "-ERR [SYS/TEMP]")
        assert "another one" not in place.log() and "a secret of" not in place.log()
        server.set_secret("another one")
        wait_until("the new secret to be used", lambda: login(place)[0].startswith("+OK"))
        server.rotate("a secret of the database")
        server.set_secret("a secret of the database")


@with_both
def answers_have_a_time(server):
    slow = block(server, QUERY + " AND " + server.slow.format("name = 'slow'"), timeout="500ms")

    def knows():  # on a machine with much to do, not always in half a second
        return login(place)[0].startswith("+OK")

    with office(slow) as place:
        place.start()
        wait_until("an answer in time", knows)
        took = says(place, "-ERR [SYS/TEMP]", "slow@example.org")
        assert 0.4 < took < 10, took
        assert re.search("no answer in time|max_statement_time|statement timeout", place.log()), place.log()[-1000:]
        wait_until("an answer in time", knows)
        with server.silent():
            took = says(place, "-ERR [SYS/TEMP]")
            assert took < 10, took
            took = says(place, "-ERR [SYS/TEMP]")
            assert took < 10, took
        wait_until("the server to be tried again", knows)


def sources_are_asked_in_order():
    with office() as place:
        file = os.path.join(place.folder, "users.db")
        with sqlite3.connect(file) as users:
            users.execute("CREATE TABLE users (name, hash)")
            users.execute("INSERT INTO users VALUES ('anna@example.org', '{PLAIN}first'), ('dora', '{PLAIN}first')")
        users.close()
        sqlite = (f'userdb sqlite {{ path {file}; cache-time 0;'
                  ' query "SELECT hash AS password FROM users WHERE name = :user" }\n')
        place.settings = sqlite + block(POSTGRESQL) + block(MARIADB)
        place.start()
        says(place, "+OK", "anna@example.org", "first")
        says(place, "-ERR [AUTH]")  # the second one's password: the first that knows a name decides
        says(place, "+OK", "dora", "first")
        with sqlite3.connect(file) as users:
            users.execute("DELETE FROM users WHERE name LIKE 'anna%'")
        users.close()
        says(place, "+OK")
        MARIADB.kill()  # who is found before needs it not
        says(place, "+OK")
        says(place, "+OK", "dora", "first")
        says(place, "-ERR [SYS/TEMP]", "nobody@example.org")
        POSTGRESQL.kill()
        MARIADB.start()
        says(place, "-ERR [SYS/TEMP]")  # though the third one knows her
        says(place, "+OK", "dora", "first")
        os.rename(file, file + ".away")
        says(place, "-ERR [SYS/TEMP]", "dora", "first")
        POSTGRESQL.start()
        says(place, "-ERR [SYS/TEMP]")
        os.rename(file + ".away", file)
        wait_until("PostgreSQL to be tried again", lambda: login(place)[0].startswith("+OK"))


@with_both
def many_at_the_same_time_share_few_connections(server):
    with office(block(server, timeout="60s")) as place:
        place.start()
        with concurrent.futures.ThreadPoolExecutor(20) as clients:
            said = list(clients.map(lambda n: login(place, "anna@example.org", "secret" if n % 2 else "x")[0],
                                    range(60)))
        assert all(s.startswith("-ERR [AUTH]") for s in said[::2]), said
        assert all(s.startswith(("+OK", "-ERR [IN-USE]")) for s in said[1::2]), said
        assert server.connections() <= 4


class Road:
    """A port of 127.0.0.1 that leads to a unix socket; with `pair`, it speaks TLS as PostgreSQL does, for a server that
    does not on its socket."""

    def __init__(self, path, pair=None):
        self.path, self.pair = path, pair
        self.door = socket.create_server(("127.0.0.1", 0))
        self.port = self.door.getsockname()[1]
        threading.Thread(target=self.lead, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        self.door.close()

    def lead(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.carry, args=(self.door.accept()[0],), daemon=True).start()

    def carry(self, guest):
        with contextlib.suppress(OSError), guest, socket.socket(socket.AF_UNIX) as server:
            if self.pair:
                assert guest.recv(8, socket.MSG_WAITALL)[4:] == b"\x04\xd2\x16\x2f"  # SSLRequest
                guest.sendall(b"S")
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(*self.pair)
                guest = context.wrap_socket(guest, server_side=True)
            server.connect(self.path)
            ends = {guest: server, server: guest}
            while True:
                ready = [end for end in ends if isinstance(end, ssl.SSLSocket) and end.pending()]
                for end in ready or select.select(list(ends), [], [])[0]:
                    octets = end.recv(65536)
                    if not octets:
                        return
                    ends[end].sendall(octets)


def tls_proves_who_the_server_is():
    with office() as place:
        place.write_conf()
        others = Office()  # with a CA of its own
        place.certificates.make("elsewhere", "elsewhere.example")
        pair, elsewhere = [[os.path.join(place.folder, f"{name}.{end}") for end in ("pem", "key")]
                           for name in ("server", "elsewhere")]
        path = os.path.join(POSTGRESQL.folder, ".s.PGSQL.5432")
        MARIADB.kill()
        MARIADB.certify(place)
        MARIADB.tls = (f"--ssl-cert={MARIADB.folder}/server.pem", f"--ssl-key={MARIADB.folder}/server.key")
        MARIADB.start()

        def tried(kind, port, ca, host="localhost"):
            connect = {"postgresql": f"host={host} port={port} user=pf dbname=postgres",
                       "mariadb": f"mariadb://pf@{host}:{port}/mail"}[kind]
            place.write_conf(f'userdb {kind} {{ connect "{connect}"; secret-file {POSTGRESQL.secret}; timeout 20s;'
                             f' cache-time 0; ca {ca}; query "{QUERY}" }}\n')
            place.reload()
            return login(place)[0]

        place.settings = block(POSTGRESQL)
        place.start()
        ours, theirs = place.certificates.ca, others.certificates.ca
        with Road(path, pair) as road, Road(path, elsewhere) as wrong, Road(path) as clear, \
                Road(MARIADB.socket) as maria:
            assert tried("postgresql", road.port, ours).startswith("+OK"), place.log()[-1000:]
            assert tried("postgresql", road.port, theirs).startswith("-ERR [SYS/TEMP]")
            assert tried("postgresql", wrong.port, ours).startswith("-ERR [SYS/TEMP]")
            assert tried("postgresql", clear.port, ours).startswith("-ERR [SYS/TEMP]")
            assert tried("mariadb", maria.port, ours).startswith("+OK"), place.log()[-1000:]
            assert tried("mariadb", maria.port, theirs).startswith("-ERR [SYS/TEMP]")
            MARIADB.kill()
            MARIADB.tls = ()
            MARIADB.start()
            assert tried("mariadb", maria.port, ours).startswith("-ERR [SYS/TEMP]")


@with_both
def mail_comes_in_for_users_of_a_database(server):
    with office(block(server, timeout="3s")) as place:
        door = os.path.join(place.folder, "lmtp")
        place.settings += f"listen unix:{door} {{ protocol lmtp }}\n"
        server.sql(f"{'USE mail;' if server is MARIADB else ''}"
                   f"UPDATE users SET home = '{place.folder}/mail/dora' WHERE name = 'slow'")
        place.start()
        with smtplib.LMTP(door) as client:
            client.ehlo()
            client.mail("s@x")
            assert client.rcpt("anna@example.org")[0] == 250
            assert client.rcpt("slow@example.org")[0] == 250
            assert client.rcpt("nobody@example.org")[0] == 550
            assert client.data(b"Subject: x\r\n\r\nbody\r\n")[0] == 250
            assert client.getreply()[0] == 250
            server.kill()
            client.mail("s@x")
            code, said = client.rcpt("anna@example.org")
            assert code == 451, (code, said)
            code, said = client.rcpt("nobody@example.org")
            assert code == 451, (code, said)
        assert (len(place.files("anna")), len(place.files("dora"))) == (1, 1)
        server.start()


run(users_wrong_passwords_and_those_who_may_not, names_and_passwords_are_never_sql,
    the_database_says_how_a_name_is_spelled, a_query_that_cannot_be, tables_that_change_meanwhile,
    a_server_that_dies_is_no_wrong_password, a_secret_that_changes_is_read_anew, answers_have_a_time,
    sources_are_asked_in_order, many_at_the_same_time_share_few_connections, tls_proves_who_the_server_is,
    mail_comes_in_for_users_of_a_database)
