"""A picture of what grows with what: small panels of lines, both axes by powers of ten, written as SVG."""
import math

COLOURS = {"separated": "#1b6ca8", "single": "#58a4d8", "dovecot tuned": "#c0392b", "dovecot": "#e59866", "limit": "#7f8c8d"}
WIDTH, HEIGHT, LEFT, TOP, GAP = 330, 220, 58, 34, 36
# What a panel shows: its words, the axis below it, and (value below, row).
PANELS = [
    ("CPU µs of a poll with LIST and UIDL", "messages in the maildrop",
     [(1, "poll"), (1000, "list-1000"), (10000, "list-10000"), (100000, "list-100000")]),
    ("CPU µs of a message", "octets", [(4000, "retr-4k"), (100000, "retr-100k"), (20000000, "retr-20m")]),
    ("CPU µs of a poll", "clients, each another user, at once", [(1, "poll-1"), (16, "poll"), (64, "poll-64")]),
    ("CPU µs of a poll", "idle connections beside it", [(1, "poll"), ("many", "beside-idle")]),
]


def points(found, steps, name):
    for where, key in steps:
        said = found.get(key, {}).get(name, {})
        if "cpu" in said:
            yield (said["many"] if where == "many" else where), said["cpu"]


def scale(values, room):
    low, high = (f(math.log10(max(value, 1e-9))) for f, value in ((math.floor, min(values)), (math.ceil, max(values))))
    high = max(high, low + 1)
    return low, high, lambda value: (math.log10(value) - low) / (high - low) * room


def panel(found, at, words, below, steps):
    lines = {name: list(points(found, steps, name)) for name in COLOURS}
    everything = [point for line in lines.values() for point in line]
    if not everything:
        return []
    left, top = LEFT + (at % 2) * (WIDTH + LEFT + GAP), TOP + (at // 2) * (HEIGHT + TOP + GAP)
    x_low, x_high, x_of = scale([x for x, _ in everything], WIDTH)
    y_low, y_high, y_of = scale([y for _, y in everything], HEIGHT)
    out = [f'<text x="{left}" y="{top - 8}" class="head">{words}</text>',
           f'<text x="{left + WIDTH}" y="{top + HEIGHT + 32}" text-anchor="end">{below}</text>',
           f'<rect x="{left}" y="{top}" width="{WIDTH}" height="{HEIGHT}" class="frame"/>']
    for power in range(x_low, x_high + 1):
        x = left + x_of(10 ** power)
        out += [f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{top + HEIGHT}" class="grid"/>',
                f'<text x="{x:.1f}" y="{top + HEIGHT + 16}" text-anchor="middle">{10 ** power:,}</text>']
    for power in range(y_low, y_high + 1):
        y = top + HEIGHT - y_of(10 ** power)
        out += [f'<line x1="{left}" y1="{y:.1f}" x2="{left + WIDTH}" y2="{y:.1f}" class="grid"/>',
                f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{10 ** power:,}</text>']
    for name, line in lines.items():
        where = [(left + x_of(x), top + HEIGHT - y_of(y)) for x, y in sorted(line)]
        out.append(f'<polyline points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in where)}" stroke="{COLOURS[name]}"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{COLOURS[name]}"/>' for x, y in where]
    return out


def write(path, found):
    wide, high = 2 * (WIDTH + LEFT) + GAP + 20, 2 * (HEIGHT + TOP + GAP) + 34
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}">',
           '<style>text{font:12px sans-serif;fill:#333}.head{font-weight:bold}.grid{stroke:#e4e4e4}'
           '.frame{fill:none;stroke:#999}polyline{fill:none;stroke-width:2}</style>',
           f'<rect width="{wide}" height="{high}" fill="#fff"/>']
    for at, words in enumerate(PANELS):
        out += panel(found, at, *words)
    for at, (name, colour) in enumerate(COLOURS.items()):
        out += [f'<circle cx="{LEFT + at * 130}" cy="{high - 16}" r="5" fill="{colour}"/>',
                f'<text x="{LEFT + 10 + at * 130}" y="{high - 12}">{name}</text>']
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join([*out, "</svg>\n"]))
