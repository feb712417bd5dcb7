"""What a container takes from a process, where this system lets us take it: root, its capabilities, and writing.

Needs root, and a mount namespace of its own. The folders that the process may see or write to are bound below /mnt, for
tests lie in folders that are shut to other users.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

USER = "10001"
_SCRIPT = f"""
mount --make-rprivate / && mount -t tmpfs tmpfs /mnt && mkdir -m 1777 /mnt/tmp || exit 125
for pair in $BOUND; do
  from=${{pair#*=}} to=/mnt/${{pair%%=*}}
  if [ -d "$from" ]; then mkdir "$to"; else mkdir -p "${{to%/*}}" && touch "$to"; fi
  mount --bind "$from" "$to" || exit 125
done
chown {USER}:{USER} /mnt/data 2>/dev/null
while read -r _ place _; do
  case $place in /mnt/app|/mnt/home) ;; /proc*|/sys*|/dev*|/mnt*) continue ;; esac
  mount -o remount,bind,ro "$place" || exit 125
done < /proc/self/mounts
unset BOUND
mount -t tmpfs -o mode=1777 tmpfs /mnt/tmp || exit 125
cd /mnt/home
exec setpriv --reuid {USER} --regid {USER} --clear-groups --inh-caps=-all --bounding-set=-all --no-new-privs "$@"
"""


def confined(bound: Mapping[str, Path], *command: str) -> list[str]:
    """The command as the image's user, with nothing to write to but /mnt/tmp and, if it is bound, /mnt/data.

    `bound` has folders and sockets by the names that they get below /mnt.
    """
    pairs = " ".join(f"{name}={path}" for name, path in bound.items())
    return ["env", f"BOUND={pairs}", "TMPDIR=/mnt/tmp", "unshare", "--mount", "sh", "-c", _SCRIPT, "sh", *command]


@cache
def why_not(python: Path) -> str:
    """Why processes cannot be confined here; empty when they can."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "setpriv", "mount"))):
        return "only root may take a process's rights to write"
    try_it = (
        "import os, grpc; assert os.getuid() == 10001; open('/mnt/tmp/a', 'w')\n"
        "try: open('/a', 'w')\nexcept OSError: print('confined')"
    )
    bound = {"app": python.parent.parent, "home": python.parent}
    done = subprocess.run(
        confined(bound, "/mnt/app/bin/python", "-c", try_it), capture_output=True, text=True, check=False
    )
    return "" if done.stdout == "confined\n" else f"processes cannot be confined here: {done.stderr[-500:]}"
