"""Runs a command with what systemd would have seccomp(2) refuse: seccomp.py SETTING... -- COMMAND...

  RestrictAddressFamilies=AF_UNIX AF_NETLINK ...   every other family is not supported
  LockPersonality=yes                              no other execution domain
  RestrictNamespaces=yes                           no namespace is made or entered
  MemoryDenyWriteExecute=yes                       by prctl(2), of Linux 6.3: nothing becomes executable
"""

import ctypes
import errno
import os
import socket
import sys

ALLOW = 0x7FFF0000  # linux/seccomp.h
NOT_EQUAL, EQUAL, MASKED_EQUAL = 1, 4, 7  # seccomp.h of libseccomp
CTL_NNP = 3
PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN = 65, 1  # linux/prctl.h
FAMILIES = 46  # linux/socket.h, AF_MAX
CLONE_NEW = (0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)  # linux/sched.h


class Comparison(ctypes.Structure):
    _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]


seccomp = ctypes.CDLL("libseccomp.so.2")
seccomp.seccomp_init.restype = ctypes.c_void_p


def refuse(calls):
    """Of (name, error, comparison): what meets the comparison fails with the error."""
    context = ctypes.c_void_p(seccomp.seccomp_init(ALLOW))
    seccomp.seccomp_attr_set(context, CTL_NNP, 0)
    for name, error, comparison in calls:
        number = seccomp.seccomp_syscall_resolve_name(name.encode())
        comparisons = (Comparison * 1)(comparison) if comparison else None
        action = ctypes.c_uint32(0x00050000 | error)
        done = seccomp.seccomp_rule_add_array(context, action, number, 1 if comparison else 0, comparisons)
        if done != 0:
            sys.exit(f"{name}: {os.strerror(-done)}")
    if seccomp.seccomp_load(context) != 0:
        sys.exit("seccomp is not to be had")


def restrict(setting):
    name, value = setting.split("=", 1)
    if name == "RestrictAddressFamilies":
        allowed = [getattr(socket, family) for family in value.split()]
        refused = [family for family in range(FAMILIES) if family not in allowed]
        refuse([("socket", errno.EAFNOSUPPORT, Comparison(0, EQUAL, family, 0)) for family in refused])
    elif name == "LockPersonality":
        refuse([("personality", errno.EPERM, Comparison(0, NOT_EQUAL, 0, 0))])
    elif name == "RestrictNamespaces":
        made = [(call, errno.EPERM, Comparison(0, MASKED_EQUAL, f, f)) for call in ("clone", "unshare") for f in CLONE_NEW]
        refuse([*made, ("clone3", errno.ENOSYS, None), ("setns", errno.EPERM, None)])
    elif name == "MemoryDenyWriteExecute":
        if ctypes.CDLL(None).prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0:
            sys.exit("this kernel has no PR_SET_MDWE")
    else:
        sys.exit(f"{setting} is not known here")


at = sys.argv.index("--")
for setting in sys.argv[1:at]:
    restrict(setting)
os.execvp(sys.argv[at + 1], sys.argv[at + 1 :])
