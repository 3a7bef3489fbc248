# Ends every process that it may end, at once. Never where it has no user of its own.
[ "$(id -u)" -ge 1000000 ] || exit 1
exec bash -c 'kill -KILL -1; kill -KILL $$'
