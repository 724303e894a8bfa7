"""Reads and sets kernel audit, for tests on machines without auditctl (netlink(7), linux/audit.h).

  audit_control.py show          settings and rules as JSON
  audit_control.py enable 0|1    switches audit off or on
  audit_control.py never-task add|delete
  audit_control.py delete-all    deletes every rule
  audit_control.py save          all that `restore` needs, as JSON
  audit_control.py restore       puts back what `save` said, from standard input
  audit_control.py quiet LIMIT   audit off, no rules, a backlog of LIMIT records that nothing waits for
  audit_control.py backlog       how many records wait for their reader
  audit_control.py ask-for-place     asks to be the unicast reader, as auditd does; says why not, and ends
  audit_control.py exclude add|delete TYPE    a rule that hides records of this type from all readers
  audit_control.py hide-execs add|delete      a rule never,exit on execve, in front of all others
  audit_control.py message TYPE TEXT    says what a program that lets people in says
"""
import json
import os
import socket
import struct
import sys

# struct audit_status: which of its fields are set.
ENABLED, FAILURE, PID, RATE_LIMIT, BACKLOG_LIMIT, BACKLOG_WAIT_TIME = 1, 2, 4, 8, 16, 32
GET, SET, LIST_RULES, ADD_RULE, DEL_RULE = 1000, 1001, 1013, 1011, 1012
ERROR, DONE = 2, 3
FILTER_TASK, FILTER_EXIT, FILTER_EXCLUDE, PREPEND, NEVER = 1, 4, 5, 0x10, 0
MSGTYPE, EQUAL = 12, 0x40000000
EXECVE = {"x86_64": 59, "aarch64": 221}[os.uname().machine]
RULE = 4 * 3 + 4 * 64 + 4 * 64 * 3 + 4


def ask(kind, payload=b""):
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 9) as s:
        s.bind((0, 0))
        s.settimeout(60)
        s.sendto(struct.pack("=IHHII", 16 + len(payload), kind, 5, 7, 0) + payload, (0, 0))
        answers, acknowledged = [], False
        while True:
            data = s.recv(16384)
            _, answer, _, sequence, _ = struct.unpack_from("=IHHII", data)
            if sequence != 7:
                continue
            if answer == ERROR:
                error = struct.unpack_from("=i", data, 16)[0]
                if error:
                    raise OSError(-error, os.strerror(-error))
                acknowledged = True
                if kind not in (GET, LIST_RULES):
                    return answers
            elif answer == DONE:
                return answers
            else:
                answers.append(data[16:])
                if kind == GET and acknowledged:
                    return answers


def change_rule(how, flags, action, calls=None, fields=()):
    mask = [0] * 64
    for call in range(2048) if calls is None else calls:
        mask[call // 32] |= 1 << call % 32
    columns = [list(column) + [0] * (64 - len(fields)) for column in zip(*fields)] if fields else [[0] * 64] * 3
    numbers = [flags, action, len(fields), *mask, *columns[0], *columns[1], *columns[2], 0]
    ask(ADD_RULE if how == "add" else DEL_RULE, struct.pack("=%dI" % len(numbers), *numbers))


def set_status(mask, enabled=0, failure=0, rate_limit=0, backlog_limit=0, backlog_wait_time=0):
    ask(SET, struct.pack("=10I", mask, enabled, failure, 0, rate_limit, backlog_limit, 0, 0, 0, backlog_wait_time))


def delete_all():
    for one in ask(LIST_RULES):
        ask(DEL_RULE, one)


def quiet(limit):
    delete_all()
    # First: a full backlog with a wait time stops every process of the host while audit is on.
    set_status(BACKLOG_WAIT_TIME)
    set_status(ENABLED | RATE_LIMIT | BACKLOG_LIMIT, backlog_limit=limit)


def restore(saved):
    quiet(8192)
    for rule in saved["rules"]:
        ask(ADD_RULE, bytes.fromhex(rule))
    settings = {k: v for k, v in saved["status"].items() if k != "pid"}
    set_status(ENABLED | FAILURE | RATE_LIMIT | BACKLOG_LIMIT | BACKLOG_WAIT_TIME, **settings)


def status():
    values = struct.unpack_from("=IIIIIIIIII", ask(GET)[0] + b"\0" * 40)
    names = ["mask", "enabled", "failure", "pid", "rate_limit", "backlog_limit", "lost", "backlog", "_", "backlog_wait_time"]
    return dict(zip(names, values))


def show_status():
    wanted = {"enabled", "failure", "pid", "rate_limit", "backlog_limit", "backlog_wait_time"}
    return {k: v for k, v in status().items() if k in wanted}


def show():
    rules = []
    for rule in ask(LIST_RULES):
        flags, action, fields = struct.unpack_from("=III", rule)
        strings = rule[RULE:].rstrip(b"\0").decode("utf8", "replace")
        rules.append({"flags": flags, "action": action, "fields": fields, "strings": strings})
    return {"status": show_status(), "rules": rules}


command, *rest = sys.argv[1:]
if command == "show":
    print(json.dumps(show()))
elif command == "enable":
    ask(SET, struct.pack("=10I", 1, int(rest[0]), *[0] * 8))
elif command == "never-task":
    change_rule(rest[0], FILTER_TASK, NEVER)
elif command == "exclude":
    change_rule(rest[0], FILTER_EXCLUDE, NEVER, fields=[(MSGTYPE, int(rest[1]), EQUAL)])
elif command == "hide-execs":
    change_rule(rest[0], FILTER_EXIT | (PREPEND if rest[0] == "add" else 0), NEVER, calls=[EXECVE])
elif command == "delete-all":
    delete_all()
elif command == "save":
    print(json.dumps({"status": show_status(), "rules": [rule.hex() for rule in ask(LIST_RULES)]}))
elif command == "restore":
    restore(json.load(sys.stdin))
elif command == "quiet":
    quiet(int(rest[0]))
elif command == "backlog":
    print(status()["backlog"])
elif command == "ask-for-place":
    try:
        ask(SET, struct.pack("=10I", PID, 0, 0, os.getpid(), *[0] * 6))
    except OSError as error:
        print(error.strerror)
elif command == "message":
    ask(int(rest[0]), rest[1].encode() + b"\0")
else:
    sys.exit(__doc__)
