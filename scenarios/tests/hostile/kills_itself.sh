kill -KILL 0
