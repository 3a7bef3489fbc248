# Leaves processes behind that have rid themselves of parents, groups, sessions and marks.
from common import *

for _ in range(5):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.close(0), os.close(1), os.close(2)
            os.execve("/bin/sleep", ["sleep", "4711"], {})
        os._exit(0)
end()
