"""Programs as they are released, in a build folder within that of the tests: a sanitized program has a laxer sandbox.

    import plain            # before office: builds the server, and points BUILD to it
    plain.build("test/...")  # and more
"""
import fcntl
import json
import os
import subprocess

TOP = os.path.normpath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))

def is_plain(folder):
    said = subprocess.run(["meson", "introspect", "--buildoptions", folder], capture_output=True, check=True).stdout
    options = {option["name"]: option["value"] for option in json.loads(said)}
    return options["b_sanitize"] == "none" and options["buildtype"] == "release"


def programs(folder):
    """All that is installed, as the build has them."""
    said = subprocess.run(["meson", "introspect", "--targets", folder], capture_output=True, check=True).stdout
    return [os.path.relpath(target["filename"][0], folder) for target in json.loads(said)
            if target["type"] == "executable" and target["installed"]]


def build(*targets):
    """The folder in which they are."""
    given = os.path.join(TOP, os.environ.get("BUILD", "build-check"))
    folder = given if is_plain(given) else os.path.join(given, "plain")
    with open(given + "/plain.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two tests may come at once
        if not os.path.exists(folder + "/build.ninja"):
            subprocess.run(["meson", "setup", folder, TOP, "--buildtype=release"], check=True, stdout=subprocess.DEVNULL)
        done = subprocess.run(["ninja", "-C", folder, "--quiet", *programs(folder), *targets], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:]
    os.environ["BUILD"] = folder
    return folder


# What sanitized programs want would be in the way of these.
for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
    os.environ.pop(name, None)
build()
