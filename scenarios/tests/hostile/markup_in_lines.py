from hostile import *

sys.stdin.readline()
sys.stdout.write(TEXT)
sys.stdout.flush()
time.sleep(4711)
