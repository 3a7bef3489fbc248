<STDIN>; print "x" x 65536 while 1;
