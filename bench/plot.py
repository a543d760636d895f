"""A picture of what grows with what: small panels of lines, both axes by powers of ten, written as SVG that is legible on
white and on black."""
import math

COLOURS = {"separated": "#2f81f7", "single": "#1a9c8c", "dovecot tuned": "#d9542b", "dovecot": "#c9910f", "limit": "#8250df"}
DASHES = {"single": "7 3", "dovecot": "2 3"}  # for who cannot tell the colours
WIDTH, HEIGHT = 330, 230  # of a panel
LEFT, TOP, RIGHT, BELOW = 66, 44, 24, 62  # around it
HEAD, FOOT = 30, 46  # of the picture
STYLE = ("text{{font:13px sans-serif;fill:{ink}}}.paper{{fill:{paper}}}.grid{{stroke:{grid}}}"
         ".frame{{fill:none;stroke:{frame}}}.linear{{stroke:{frame}}}")
# What a panel shows: its words, the axis below it, and (value below, row, figure). An empty maildrop, and nobody beside, stand
# left of 1, where a scale of powers has no place.
PANELS = [
    ("A poll with LIST and UIDL, CPU µs", "messages in the maildrop",
     [(0, "poll", "cpu"), (1000, "list-1000", "cpu"), (10000, "list-10000", "cpu"), (100000, "list-100000", "cpu")]),
    ("RETR, CPU µs of a message", "octets of the message",
     [(4000, "retr-4k", "cpu"), (100000, "retr-100k", "cpu"), (20000000, "retr-20m", "cpu")]),
    ("A poll, CPU µs", "users whose turn it is, 16 at once",
     [(16, "stored-plain", "cpu"), (256, "users-256", "cpu"), ("users", "users", "cpu")]),
    ("A poll, CPU µs", "idle connections beside it",
     [(0, "beside-idle", "alone"), ("many", "beside-tenth", "cpu"), ("many", "beside-idle", "cpu")]),
]


def points(found, steps, name):
    for where, key, figure in steps:
        said = found.get(key, {}).get(name, {})
        if figure in said:
            yield said[where] if isinstance(where, str) else where, said[figure]


class Scale:
    """Powers of ten along so many points; 0 stands one step left of the first power."""

    def __init__(self, values, room, step=1):
        above = [math.log10(value) for value in values if value > 0]
        self.low, self.high = math.floor(min(above)), max(math.ceil(max(above)), math.floor(min(above)) + 1)
        self.zero = min(values) <= 0
        if self.zero:
            self.low -= step
        self.room = room

    def at(self, value):
        place = math.log10(value) if value > 0 else self.low
        return (place - self.low) / (self.high - self.low) * self.room

    def ticks(self):
        return ([0] if self.zero else []) + [10 ** power for power in range(self.low + self.zero, self.high + 1)]


def short(value):
    """A tick as people say it."""
    for unit, name in ((10 ** 6, " M"), (1000, " k")):
        if value >= unit:
            return f"{value // unit}{name}"
    return f"{value:g}"


def grid(left, top, x, y):
    out = []
    for value in x.ticks():
        at = left + x.at(value)
        out += [f'<line x1="{at:.1f}" y1="{top}" x2="{at:.1f}" y2="{top + HEIGHT}" class="grid"/>',
                f'<text x="{at:.1f}" y="{top + HEIGHT + 18}" text-anchor="middle">{short(value)}</text>']
    for value in y.ticks():
        at = top + HEIGHT - y.at(value)
        out += [f'<line x1="{left}" y1="{at:.1f}" x2="{left + WIDTH}" y2="{at:.1f}" class="grid"/>',
                f'<text x="{left - 8}" y="{at + 4:.1f}" text-anchor="end">{short(value)}</text>']
    return out


def linear(left, top, x, y, most):
    """From the right upper corner of what there is downwards: what ten times as much costs when it costs ten times as much."""
    end = (max(value for value, _ in most), max(value for _, value in most))
    begin = max(min(value for value, _ in most if value), end[0] * 10 ** y.low / end[1])
    where = [(left + x.at(at), top + HEIGHT - y.at(end[1] * at / end[0])) for at in (begin, end[0])]
    return f'<polyline points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in where)}" class="linear"/>'


def panel(found, at, words, below, steps):
    lines = {name: sorted(points(found, steps, name)) for name in COLOURS}
    lines = {name: line for name, line in lines.items() if len(line) > 1}
    everything = [point for line in lines.values() for point in line]
    if not everything:
        return []
    left = LEFT + (at % 2) * (LEFT + WIDTH + RIGHT)
    top = HEAD + TOP + (at // 2) * (TOP + HEIGHT + BELOW)
    x, y = Scale([x for x, _ in everything], WIDTH), Scale([y for _, y in everything], HEIGHT)
    out = [f'<text x="{left}" y="{top - 12}" class="head">{words}</text>',
           f'<text x="{left + WIDTH / 2}" y="{top + HEIGHT + 40}" text-anchor="middle">{below}</text>',
           *grid(left, top, x, y), linear(left, top, x, y, everything),
           f'<rect x="{left}" y="{top}" width="{WIDTH}" height="{HEIGHT}" class="frame"/>']
    for name, line in lines.items():
        where = [(left + x.at(a), top + HEIGHT - y.at(b)) for a, b in line]
        dash = f' stroke-dasharray="{DASHES[name]}"' if name in DASHES else ""
        out.append(f'<polyline points="{" ".join(f"{a:.1f},{b:.1f}" for a, b in where)}" stroke="{COLOURS[name]}"{dash}/>')
        out += [f'<circle cx="{a:.1f}" cy="{b:.1f}" r="3.5" fill="{COLOURS[name]}"/>' for a, b in where]
    return out


def legend(y):
    out, x = [], LEFT
    for name, colour in COLOURS.items():
        dash = f' stroke-dasharray="{DASHES[name]}"' if name in DASHES else ""
        out += [f'<polyline points="{x},{y - 4} {x + 26},{y - 4}" stroke="{colour}"{dash}/>',
                f'<circle cx="{x + 13}" cy="{y - 4}" r="3.5" fill="{colour}"/>', f'<text x="{x + 33}" y="{y}">{name}</text>']
        x += 62 + 7 * len(name)
    out += [f'<polyline points="{x},{y - 4} {x + 26},{y - 4}" class="linear"/>',
            f'<text x="{x + 33}" y="{y}">linear growth</text>']
    return out


def write(path, found):
    wide, high = 2 * (LEFT + WIDTH + RIGHT), HEAD + 2 * (TOP + HEIGHT + BELOW) + FOOT - 20
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}" role="img">',
           "<title>What a session costs, against messages, octets, users and connections</title>",
           "<style>", STYLE.format(ink="#1f2328", paper="#ffffff", grid="#d8dee4", frame="#8c959f"),
           "@media (prefers-color-scheme:dark){", STYLE.format(ink="#e6edf3", paper="#0d1117", grid="#30363d", frame="#6e7681"),
           "}.head{font-weight:bold;font-size:14px}polyline{fill:none;stroke-width:2}",
           ".linear{stroke-width:1.5;stroke-dasharray:1 4;stroke-linecap:round}</style>",
           f'<rect width="{wide}" height="{high}" class="paper"/>', *legend(HEAD)]
    for at, words in enumerate(PANELS):
        out += panel(found, at, *words)
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join([*out, "</svg>\n"]))
