from hostile import *

store.main(lambda event: time.sleep(4711) if is_of_client(event) else None)
