"""Who owns the mail, where a test is root: Dovecot touches no mail as root, pipe(8) starts nothing as root, and a
folder that may not be written means nothing to root."""
import os
import pwd
import subprocess

ROOT = os.geteuid() == 0
OWNER = pwd.getpwnam("nobody") if ROOT else pwd.getpwuid(os.getuid())


def hand_over(office):
    """The office is run as the owner, and others than root find their way into it."""
    os.chmod(office.folder, 0o755)
    if ROOT:
        office.settings += f"\nrun-as {OWNER.pw_name}\n"
        subprocess.run(["chown", "-R", f"{OWNER.pw_uid}:{OWNER.pw_gid}", office.folder], check=True)
