"""Runs a command on a terminal of its own: on_terminal.py COLUMNS COMMAND… Stdin is what is typed, stdout what is shown."""
import fcntl
import os
import pty
import struct
import sys
import termios

columns, command = int(sys.argv[1]), sys.argv[2:]
pid, terminal = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    os.execvp(command[0], command)
if os.fork() == 0:
    while typed := os.read(0, 4096):
        os.write(terminal, typed)
    os._exit(0)
os.close(0)
while True:
    try:
        shown = os.read(terminal, 4096)
    except OSError:
        break
    os.write(1, shown)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
