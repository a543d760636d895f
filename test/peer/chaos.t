#!/usr/bin/env python3
"""Chaos: clients, deliveries, an IMAP server's renames and removals, reloads and kills, all at once, on real Maildirs.

Afterwards every message must be accounted for: in a client's hands (RETR complete, DELE, QUIT answered +OK), removed
by the "IMAP server", in doubt because a QUIT was sent and its answer never came, or still in the Maildir. No UIDL
changed or was used twice, no client got other octets than were delivered.

CHAOS_SECONDS makes it longer, CHAOS_SEED repeats the dice (not the threads).
"""
import base64
import os
import random
import re
import signal
import socket
import ssl
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from office import PATIENCE, Office, run, wait_until, wire  # noqa: E402

SECONDS = float(os.environ.get("CHAOS_SECONDS", "10"))
SEED = int(os.environ.get("CHAOS_SEED", str(random.SystemRandom().randrange(1 << 32))))
USERS = 4
CLIENTS = 8
MOST = 60       # messages of a maildrop at a time: sessions stay short
POOL = 6        # names that come again for other messages
LOST = (ConnectionError, ssl.SSLError, socket.timeout, EOFError, OSError)


class Wrong(Exception):
    """The server broke a promise."""


class Message:
    def __init__(self, number, user, octets, name):
        self.number, self.user, self.octets, self.name = number, user, octets, name
        body = wire(octets)
        self.size = len(body)
        self.wire = body[:1].replace(b".", b"..") + body[1:].replace(b"\n.", b"\n..")
        self.uidl = None
        self.taken = self.removed = self.doubt = False


class Book:
    """What became of each message; the one place that all threads share."""

    def __init__(self):
        self.lock = threading.Lock()
        self.messages = []
        self.uidls = {}      # (user, uidl) -> number
        self.doubts = set()  # (user, uidl): in a QUIT whose answer never came
        self.pool = {}       # (user, place) -> name and number of who had it last
        self.faults = []
        self.counts = {}
        self.over = threading.Event()

    def count(self, what, by=1):
        with self.lock:
            self.counts[what] = self.counts.get(what, 0) + by

    def fault(self, text):
        with self.lock:
            self.faults.append(text)
        self.over.set()

    def new(self, user, octets, name):
        with self.lock:
            message = Message(len(self.messages), user, octets(len(self.messages)), name)
            self.messages.append(message)
        return message

    def seen(self, user, uidl, number):
        """A client found this message under this UIDL."""
        with self.lock:
            message = self.messages[number]
            before = self.uidls.setdefault((user, uidl), number)
            if message.uidl is None:
                message.uidl = uidl
        if message.user != user:
            raise Wrong(f"message {number} of {message.user} was given to {user}")
        if before != number:
            raise Wrong(f"UIDL {uidl} of {user} stands for messages {before} and {number}")
        if message.uidl != uidl:
            raise Wrong(f"message {number} of {user} had UIDL {message.uidl} and has {uidl}: {message.name}")
        return message


class Link:
    """A connection: sends, and reads answers."""

    def __init__(self, office, dice):
        self.office = office
        kind = dice.choice(["plain", "plain", "stls", "tls"])
        port = office.pop3s if kind == "tls" else office.pop3
        if port is None:
            raise ConnectionError("no server now")
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        if dice.random() < 0.2:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        if kind == "tls":
            self.wrap()
        self.file = self.socket.makefile("rb")
        if not self.line().startswith(b"+OK"):
            raise ConnectionError("refused")
        if kind == "stls":
            if not self.ask("STLS").startswith(b"+OK"):
                raise ConnectionError("going down")
            self.file.close()
            self.wrap()
            self.file = self.socket.makefile("rb")

    def wrap(self):
        self.socket = self.office.context.wrap_socket(self.socket, server_hostname="localhost")

    def line(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError(line)
        return line

    def send(self, text):
        self.socket.sendall(text.encode())

    def ask(self, text):
        self.send(text + "\r\n")
        return self.line()

    def body(self):
        got = bytearray()
        while (line := self.line()) != b".\r\n":
            got += line
        return bytes(got)

    def close(self):
        self.file.close()
        self.socket.close()


class Session:
    """One login of one client."""

    def __init__(self, office, book, dice):
        self.office, self.book, self.dice = office, book, dice
        self.user = f"u{dice.randrange(USERS)}"
        self.link = None
        self.rows = {}    # number -> uidl
        self.sizes = {}
        self.whole = {}   # number -> message that came whole
        self.marked = {}  # number -> message
        self.quit_sent = False
        self.doubtful = []  # UIDLs
        self.doing = "connect"

    def login(self):
        link = self.link
        if self.dice.random() < 0.4:
            plain = base64.b64encode(f"\0{self.user}\0secret".encode()).decode()
            if self.dice.random() < 0.5:
                return link.ask("AUTH PLAIN " + plain)
            answer = link.ask("AUTH PLAIN")
            return link.ask(plain) if answer == b"+ \r\n" else answer
        if self.dice.random() < 0.5:
            link.send(f"USER {self.user}\r\nPASS secret\r\n")
            link.line()
            return link.line()
        link.ask(f"USER {self.user}")
        return link.ask("PASS secret")

    def listing(self):
        self.doing = "login"
        with self.book.lock:
            gone = {m.uidl for m in self.book.messages if m.taken and m.user == self.user}
        answer = self.login()
        if not answer.startswith(b"+OK"):
            self.book.count("in use" if b"IN-USE" in answer else "refused")
            return False
        self.link.send("UIDL\r\nLIST\r\n")
        for table, convert in ((self.rows, bytes.decode), (self.sizes, int)):
            if not self.link.line().startswith(b"+OK"):
                raise EOFError("going down")
            for line in self.link.body().split(b"\r\n")[:-1]:
                number, value = line.split(b" ")
                table[int(number)] = convert(value)
        if len(set(self.rows.values())) != len(self.rows) or set(self.rows) != set(self.sizes):
            raise Wrong(f"a listing that is none: {self.rows} {self.sizes}")
        back = gone & set(self.rows.values())
        if back:
            raise Wrong(f"{self.user}: messages came back after QUIT was answered +OK: {back}")
        return True

    def enter(self):
        """A link that is logged in, or None while the one before has not left."""
        self.link = Link(self.office, self.dice)
        if self.listing():
            return self.link
        self.link.close()
        return None

    def take(self, number, text):
        match = re.match(rb"X-Id: (\d+)\r\n", text)
        if not match:
            raise Wrong(f"{self.user}: message {number} is none that was delivered: {text[:60]!r}")
        return self.book.seen(self.user, self.rows[number], int(match.group(1)))

    def heard_retr(self, number):
        answer = self.link.line()
        if not answer.startswith(b"+OK"):
            self.book.count("not to be had")
            return
        text = self.link.body()
        message = self.take(number, text)
        if text != message.wire:
            raise Wrong(f"{self.user}: message {message.number} came with other octets ({len(text)} of "
                        f"{len(message.wire)})")
        if self.sizes[number] != message.size or int(answer.split()[1]) != message.size:
            raise Wrong(f"{self.user}: message {message.number} listed with {self.sizes[number]}, not {message.size}")
        self.whole[number] = message
        self.book.count("read")

    def heard_dele(self, number):
        answer = self.link.line()
        if answer.startswith(b"+OK"):
            self.marked[number] = self.whole[number]

    def heard_top(self, number):
        if self.link.line().startswith(b"+OK"):
            self.take(number, self.link.body())

    def one_by_one(self):
        self.doing = "one by one"
        for number in self.choice():
            if self.dice.random() < 0.2:
                self.link.send(f"TOP {number} 0\r\n")
                self.heard_top(number)
            self.link.send(f"RETR {number}\r\n")
            self.heard_retr(number)
            if number in self.whole and self.dice.random() < 0.7:
                self.link.send(f"DELE {number}\r\n")
                self.heard_dele(number)
        again = self.link.ask("UIDL")
        if again.startswith(b"+OK"):
            rows = dict(line.split(b" ") for line in self.link.body().split(b"\r\n")[:-1])
            want = {str(n).encode(): u.encode() for n, u in self.rows.items() if n not in self.marked}
            if rows != want:
                raise Wrong(f"{self.user}: the listing changed within a session")

    def choice(self):
        numbers = list(self.rows)
        self.dice.shuffle(numbers)
        return numbers[:self.dice.randrange(len(numbers) + 1)]

    def at_once(self):
        """RETR, DELE and perhaps QUIT in one piece. DELE of what was not sent whole is refused."""
        self.doing = "at once"
        numbers = self.choice()
        text = "".join(f"RETR {n}\r\nDELE {n}\r\n" for n in numbers)
        ending = self.dice.random() < 0.5
        if ending:
            self.doubtful = [self.rows[n] for n in numbers]  # the server may remove them, whatever we read
            self.quit_sent = True
            text += "QUIT\r\n"
        sender = threading.Thread(target=self.push, args=(text,))
        sender.start()
        try:
            for number in numbers:
                if self.dice.random() < 0.01:
                    raise EOFError("hung up")
                self.heard_retr(number)
                answer = self.link.line()
                if answer.startswith(b"+OK"):
                    if number not in self.whole:
                        raise Wrong(f"{self.user}: DELE {number} is taken though it was not sent whole")
                    self.marked[number] = self.whole[number]
        except BaseException:
            self.hang_up()
            raise
        finally:
            sender.join()
        return ending

    def push(self, text):
        try:
            self.link.send(text)
        except LOST:
            pass  # who reads notices too

    def hang_up(self):
        try:
            self.link.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def finish(self, sent):
        """QUIT, and what its answer makes true."""
        self.doing += ", QUIT"
        if not sent:
            self.quit_sent = True
            self.link.send("QUIT\r\n")
        answer = self.link.line()
        if answer.startswith(b"+OK"):
            with self.book.lock:
                for message in self.marked.values():
                    message.taken = True
            self.quit_sent = False
            self.book.count("quit")
            self.book.count("taken", len(self.marked))
        elif b"not removed" in answer:
            self.book.count("quit in part")
        else:
            self.quit_sent = False  # refused before it was carried out
            if not answer.startswith(b"-ERR [SYS/TEMP] server is going down"):
                raise Wrong(f"QUIT answered {answer}")

    def leave_doubt(self):
        """A QUIT that was sent and not answered with +OK: who was marked may be gone."""
        if not self.quit_sent:
            return
        with self.book.lock:
            for message in self.marked.values():
                message.doubt = True
            self.book.doubts |= {(self.user, uidl) for uidl in self.doubtful}
        self.book.count("doubts")

    def play(self):
        try:
            self.link = Link(self.office, self.dice)
            if self.listing() and self.dice.random() > 0.05:
                sent = self.at_once() if self.dice.random() < 0.5 else self.one_by_one()
                if sent or self.dice.random() > 0.15:
                    self.finish(bool(sent))
            self.book.count("sessions")
        except socket.timeout as fault:
            raise Wrong(f"{self.user}: no answer within {PATIENCE} s: {self.doing}") from fault
        except LOST:
            self.book.count("lost connections")
        finally:
            self.leave_doubt()
            if self.link:
                self.link.close()


def client(office, book, dice):
    while not book.over.is_set():
        session = Session(office, book, dice)
        session.play()
        if session.link is None:  # killed, or not yet up again
            book.over.wait(0.02)


def invent(dice):
    """A function that makes the octets of message `number`."""
    size = dice.choice([0, 3, 40, 400, 4000]) if dice.random() < 0.95 else dice.choice([90000, 300000])
    end = dice.choice([b"\n", b"\r\n"])
    lines = []
    while size > 0:
        line = b"." * dice.choice([0, 0, 1, 2]) + dice.randbytes(dice.randrange(60)).hex().encode()
        lines.append(line)
        size -= len(line) + 1
    last = dice.choice([b"", end])
    return lambda number: (b"X-Id: %d" % number + end + b"Subject: chaos" + end + end + end.join(lines) + last)


def base_of(name):
    return name.split(":")[0]


def name_again(book, dice, number, user):
    """A name that another message had, once that one is known to be gone: folders that others rename in cannot be
    asked. Where it is not known a new name begins a new row."""
    key = (user, dice.randrange(POOL))
    with book.lock:
        name, before = book.pool.get(key, (f"msg.{key[1]}", None))
        if before is not None:
            message = book.messages[before]
            if message.doubt or (user, message.uidl) in book.doubts:
                name += "+"
            elif not (message.taken or message.removed):
                return None
        book.pool[key] = (name, number)
    return name


def name_for(book, dice, number, user):
    """Names as agents give them, and names that nobody should."""
    plain = f"{int(time.time())}.M{dice.randrange(1000000)}P{os.getpid()}Q{number}.chaos"
    kind = dice.random()
    if kind < 0.5:
        return plain, dice.choice(["", "S", "SW", "SW", "SW", "SX"])
    if kind < 0.6:
        return plain + "-" + "long" * 20, ""
    if kind < 0.7:
        return f"odd {number} \u00e4", ""
    return name_again(book, dice, number, user) or plain, ""


def deliver(office, book, dice, user):
    folder = office.maildir(user)
    if sum(len(os.listdir(os.path.join(folder, part))) for part in ("new", "cur")) >= MOST:
        return
    make = invent(dice)
    message = book.new(user, make, None)
    name, sizes = name_for(book, dice, message.number, user)
    if "S" in sizes:
        name += f",S={len(message.octets)}"
    if "W" in sizes or "X" in sizes:  # X: a size that could be and is not
        name += f",W={message.size + ('X' in sizes)}"
    message.name = name
    tmp = os.path.join(folder, "tmp", f"chaos.{message.number}")
    with open(tmp, "wb") as file:
        file.write(message.octets)
    os.link(tmp, os.path.join(folder, "new", name))
    os.unlink(tmp)
    book.count("delivered")


def agent(office, book, dice, users):
    while not book.over.is_set():
        deliver(office, book, dice, dice.choice(users))
        book.over.wait(dice.random() * 0.02)


def imap_rename(folder, part, name, dice):
    flags = "".join(sorted(set(dice.choice(["S", "F", "R", "T", "FS", "RS", ""]))))
    try:
        os.rename(os.path.join(folder, part, name), os.path.join(folder, "cur", f"{base_of(name)}:2,{flags}"))
    except FileNotFoundError:
        pass


def imap_remove(office, book, user, path):
    """By way of a folder of its own, so that what was removed is what was read."""
    trash = os.path.join(office.folder, "trash", str(threading.get_ident()))
    try:
        os.rename(path, trash)
    except FileNotFoundError:
        return
    with open(trash, "rb") as file:
        number = int(file.readline().split()[1])
    with book.lock:
        book.messages[number].removed = True
    book.count("removed by others")


def imap(office, book, dice):
    while not book.over.is_set():
        user = f"u{dice.randrange(USERS)}"
        folder, part = office.maildir(user), dice.choice(["new", "cur"])
        for name in os.listdir(os.path.join(folder, part)):
            die = dice.random()
            if die < 0.15:
                imap_rename(folder, part, name, dice)
            elif die < 0.16:
                imap_remove(office, book, user, os.path.join(folder, part, name))
        book.over.wait(dice.random() * 0.02)


def settings(dice):
    return (f"log {{ debug {dice.choice(['no', 'no', 'yes'])} }}\n"
            "limits { connections-per-address 1000 }")


def store(dice, cache=None):
    return ("mail { path %s/mail/%%n; "
            f"mark-seen {dice.choice(['yes', 'no'])}; cache {cache or dice.choice(['yes', 'yes', 'no'])} }}")


def operate(office, book, dice):
    """Reloads with other settings, kills, starts again."""
    while not book.over.wait(dice.random() * 1.5):
        if office.process.poll() is not None:
            raise Wrong(f"the server ended with {office.process.returncode}:\n{office.log()[-4000:]}")
        office.store = store(dice)
        if dice.random() < 0.75:
            office.write_conf(settings(dice))
            office.process.send_signal(signal.SIGHUP)
            book.count("reloads")
        else:
            office.kill()
            office.settings = settings(dice)
            office.start()
            book.count("kills")


def guarded(book, work, *words):
    try:
        work(*words)
    except Exception as fault:  # told by the main thread
        book.fault(f"{work.__name__}: {type(fault).__name__}: {fault}")
        if not isinstance(fault, Wrong):
            raise


def there_now(office, user):
    """Numbers of the messages that lie in the Maildir."""
    found = set()
    for part in ("new", "cur"):
        folder = os.path.join(office.maildir(user), part)
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), "rb") as file:
                number = int(file.readline().split()[1])
            assert number not in found, f"message {number} lies there twice"
            found.add(number)
    return found


def fetch_all(office, book, dice, user):
    """What a client finds in the end: again, where a wrong size in a name was to be found out first."""
    missing = None
    for _ in range(MOST):
        session = Session(office, book, dice)
        session.user = user
        try:
            session.link = wait_until("a login", session.enter)
            for number in session.rows:
                session.link.send(f"RETR {number}\r\n")
                session.heard_retr(number)
            session.finish(False)
        except EOFError:
            pass
        finally:
            session.link.close()
        missing = [uidl for number, uidl in session.rows.items() if number not in session.whole]
        if not missing:
            return {message.number for message in session.whole.values()}
    raise Wrong(f"{user}: messages cannot be read: {missing}")


def settle_accounts(office, book, dice):
    for user in (f"u{i}" for i in range(USERS)):
        there = there_now(office, user)
        assert fetch_all(office, book, dice, user) == there, f"{user}: what is served is not what is there"
        unread = {uidl for who, uidl in book.doubts if who == user and (who, uidl) not in book.uidls}
        strangers = 0
        for message in (m for m in book.messages if m.user == user):
            doubt = message.doubt or (user, message.uidl) in book.doubts or message.name in unread
            if message.number in there:
                assert not message.taken and not message.removed, f"message {message.number} is still there"
            elif not (message.taken or message.removed or doubt):
                strangers += 1
                assert message.uidl is None and strangers <= len(unread), \
                    f"message {message.number} of {user} is lost: {message.name}, UIDL {message.uidl}"


def md_016_p3_034_nothing_is_lost_in_chaos():
    dice = random.Random(SEED)
    print(f"# CHAOS_SEED={SEED} CHAOS_SECONDS={SECONDS}", flush=True)
    book = Book()
    with Office(settings=settings(dice), store=store(dice)) as office:
        for i in range(USERS):
            office.add_user(f"u{i}", "secret")
        os.mkdir(os.path.join(office.folder, "trash"))
        office.context = ssl.create_default_context(cafile=office.certificates.ca)
        office.start()
        work = [(client, random.Random(dice.random())) for _ in range(CLIENTS)]
        work += [(imap, random.Random(dice.random())) for _ in range(2)]
        work += [(operate, random.Random(dice.random()))]
        threads = [threading.Thread(target=guarded, args=(book, job, office, book, own)) for job, own in work]
        for part in (0, 1):
            users = [f"u{i}" for i in range(part, USERS, 2)]
            threads.append(threading.Thread(target=guarded, args=(book, agent, office, book,
                                                                  random.Random(dice.random()), users)))
        for thread in threads:
            thread.start()
        book.over.wait(SECONDS)
        book.over.set()
        for thread in threads:
            thread.join()
        office.store = store(dice, "yes")  # sizes that a name tells wrong are found out once, and kept there
        office.write_conf()
        office.reload()
        print("#", ", ".join(f"{what} {number}" for what, number in sorted(book.counts.items())), flush=True)
        assert not book.faults, "\n".join(book.faults[:5])
        settle_accounts(office, book, dice)
        log = office.log()
        assert "Sanitizer" not in log and "runtime error" not in log, log[-4000:]
        assert book.counts.get("taken", 0) and book.counts.get("read", 0), "nothing happened"


run(md_016_p3_034_nothing_is_lost_in_chaos)
