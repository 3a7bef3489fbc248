from hostile import *

store.main(lambda event: os.kill(os.getpid(), 11) if is_of_client(event) else None)
