from hostile import *

sys.stderr.write(TEXT)
raise ValueError(TEXT)
