"""Fetches wheels with pip and takes out of them what the set-up needs.

    wheels.py download PARENT_PID PIP_ARGUMENT...
    wheels.py extract PARENT_PID FOLDER KEEP[,KEEP...] WHEEL...

KEEP is a file name or, ending in "/", a folder inside the wheel. "*" stands for one folder of any name.
A wheel is deleted as soon as it is unpacked, since the largest are half a gigabyte each.
"""

import os
import re
import shutil
import signal
import sys
import zipfile


def die_with(parent):
    """Ends this process (and pip, into which it may turn) when its parent is killed without a chance to stop it."""
    try:
        import ctypes

        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    except ImportError:
        pass  # A Python without ctypes: then this process works on in a folder that is removed later.
    try:
        os.kill(parent, 0)
    except ProcessLookupError:
        sys.exit("The process that asked for this is gone.")


def wanted(keep):
    patterns = [re.escape(name).replace(r"\*", "[^/]+") + (".+" if name.endswith("/") else "") for name in keep]
    return re.compile("|".join(patterns)).fullmatch


def extract(folder, keep, wheels):
    matches = wanted(keep)
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            for member in archive.infolist():
                if member.is_dir() or not matches(member.filename):
                    continue
                path = os.path.join(folder, member.filename)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with archive.open(member) as source, open(path, "wb") as target:
                    shutil.copyfileobj(source, target, 1 << 20)
                    # The folder gets its final name at the end: after a power cut it must not be there without its contents.
                    target.flush()
                    os.fsync(target.fileno())
                os.chmod(path, (member.external_attr >> 16) & 0o777 | 0o644)
        os.remove(wheel)


if __name__ == "__main__":
    command, parent, *rest = sys.argv[1:]
    die_with(int(parent))
    if command == "download":
        os.execv(sys.executable, [sys.executable, "-m", "pip", "download", *rest])
    folder, keep, *wheels = rest
    try:
        extract(folder, keep.split(","), wheels)
    except (OSError, zipfile.BadZipFile) as error:
        sys.exit(f"{type(error).__name__}: {error}")
