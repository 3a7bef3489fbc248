<STDIN>; print "<b>\n" while 1;
