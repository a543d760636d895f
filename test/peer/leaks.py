"""No secret in a log: not as it is, not in base64 at any place in a message, not in hexadecimal."""
import base64


def faces(secret):
    """How a secret can show. Base64 turns three octets into four letters, so it has three beginnings; letters that
    depend on what stands beside the secret are left off."""
    raw = secret if isinstance(secret, bytes) else secret.encode()
    yield raw
    yield raw.hex().encode()
    yield raw.hex().upper().encode()
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw).rstrip(b"=")
        yield text[(0, 2, 3)[shift]:(len(raw) + shift) * 8 // 6]


def assert_no_secret(office, secrets, knows):
    """`knows` stands in the log: it is the right one, and says something."""
    with open(office.log_file, "rb") as file:
        log = file.read()
    assert knows.encode() in log, log[-3000:]
    for secret in secrets:
        if len(secret) < 6:
            continue  # that short, it is part of other words
        for face in faces(secret):
            assert face not in log, f"{secret!r} stands in the log as {face!r}"
