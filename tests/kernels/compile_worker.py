"""The agent's compile child, told that it runs on a guest's kernel: see `compile_service`."""

import os
import sys
from pathlib import Path

from osmia_agent.kernel import compile_child


def main(uname: Path) -> int:
    """Do jobs for the kernel that the lines of a file, in the order of uname(2), name."""
    system = os.uname_result(uname.read_text().splitlines())
    os.uname = lambda: system
    return compile_child.main()


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
