from hostile import *

store.main(lambda event: os._exit(0) if is_of_client(event) else None)
