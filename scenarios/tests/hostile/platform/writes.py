# Writes results.json, now and later; and wherever else it would like to.
from common import *

import tempfile
import time

RESULTS = f"{ROOT}/results/results.json"
attempt("results", lambda: write(RESULTS))
attempt("another file", lambda: write(f"{ROOT}/results/results.json.new"))
attempt("no results", lambda: os.remove(RESULTS))
attempt("another folder", lambda: os.rename(f"{ROOT}/results", f"{ROOT}/old"))
attempt("the program", lambda: os.remove(f"{ROOT}/source/whitewater"))
attempt("its own folder", lambda: write("mark"))
attempt("its own program", lambda: write("node.sh"))
attempt("an endless file", lambda: tempfile.TemporaryFile().truncate(1 << 30))
if os.fork() == 0:
    os.setsid()
    nowhere = os.open("/dev/null", os.O_RDWR)
    for stream in range(3):
        os.dup2(nowhere, stream)
    while True:
        attempt("results later", lambda: write(RESULTS))
        time.sleep(0.05)
end()
