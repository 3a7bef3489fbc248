from hostile import *

store.main(lambda event: say("sim", {"type": "done"}))
