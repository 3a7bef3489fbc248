# Is done twice with every event, in one breath.
from hostile import *

store.done = lambda: sys.stdout.write(2 * (json.dumps({"dest": "sim", "body": {"type": "done"}}) + "\n")) and sys.stdout.flush()
store.main()
