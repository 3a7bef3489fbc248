from hostile import *

store.main(lambda event: done())
