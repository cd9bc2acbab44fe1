"""Run a command and print what it took, as JSON: seconds of time and of both cores, and the peak of memory in KiB.

A process of its own, and a small one, for a child's peak starts with the memory of the process that it is forked from.
"""

import os
import sys
import time

start = time.perf_counter()
silenced = [(os.POSIX_SPAWN_OPEN, descriptor, os.devnull, os.O_WRONLY, 0) for descriptor in (1, 2)]
pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=silenced)
_, status, usage = os.wait4(pid, 0)
seconds = time.perf_counter() - start
if status:
    sys.exit(f"{' '.join(sys.argv[1:])}: status {status}")
cpu = usage.ru_utime + usage.ru_stime
print(f'{{"seconds": {seconds:.6f}, "cpu": {cpu:.6f}, "peak_kib": {usage.ru_maxrss}}}')
