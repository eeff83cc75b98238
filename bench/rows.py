# SPDX-License-Identifier: Apache-2.0
"""What is compared: one table. A row is a workload of bench-load with its
numbers, and what is read from its results. `goal` is the ratio of Culver's
figure to that of the best peer."""
import dataclasses

# Numbers of messages, connections and accounts.
REALISTIC, SMALL, ACCOUNTS = 2000, 100_000, 400
# Accounts by what they are for: u0000 to u0063 get mail, the others have it.
REALISTIC_USER, SMALL_USER, IDLE_USER, CHANGE_USER = 64, 65, 66, 67
MIXED_USER, MIXED_USERS, MIXED_MAIL, FRESH_USER = 100, 50, 100, 150
# Their passwords have the server's default hash, and not yet logged in.
HASHED_USER = 300


def per_second(r):
    return r["messages"] / r["seconds"]


def ops_per_second(r):
    return r["ops"] / r["seconds"]


def per_busy_second(r):
    return r["messages"] / r["busy"]


def megabytes(r):
    return r["bytes"] / r["seconds"] / 1e6


def median_ms(r):
    return 1e3 * r["p50"]


def p99_ms(r):
    return 1e3 * r["p99"]


def kib_each(r):
    return r["pss"] / r["ops"] / 1024


def disk_per_byte(r):
    return r["disk"] / r["bytes"]


def visits_per_cpu_second(r):
    return r["ops"] / r["cpu"]


@dataclasses.dataclass
class Figure:
    """One line of the table."""
    title: str
    bracket: str        # what bench-load calls it
    of: callable
    unit: str
    goal: float
    # False: the smaller the better, the goal is the most.
    more: bool = True
    # What processor time and system calls are divided by.
    per: str = "messages"
    # The goal is a figure of its own, not a ratio.
    absolute: bool = False


@dataclasses.dataclass
class Row:
    name: str
    workload: str
    options: dict
    figures: list
    # Mail that must be there: "realistic", "small", "mixed", "change" (what
    # is changed is put back), or "fresh": an account that was filled just now
    # and of which nobody asked anything; "empty", "hashed".
    needs: str = ""
    # The server has to be able to.
    multiappend: bool = False
    # What is looked at besides: measure.Memory.
    look: str = "Cpu"
    # For those who would take too long.
    peers: dict = dataclasses.field(default_factory=dict)
    # In place of options when system calls are counted, and in the smoke test.
    few: dict = dataclasses.field(default_factory=dict)


def first_and_repeated(name, title, goals, count=20):
    unit = "msg/s"
    return Row(name, name, {"first": 1, "count": count, "seconds": 1}, [
        Figure(f"{title}, first", "first", per_second, unit, goals[0]),
        Figure(f"{title}, repeated", "repeated", per_busy_second, unit,
               goals[1]),
    ], needs="fresh", few={"count": 2, "seconds": 0})


def append(name, title, goal, count, few=40, **options):
    return Row(name, "append", {"count": count, **options},
               [Figure(title, "append", per_second, "msg/s", goal)],
               few={"count": few}, multiappend="batch" in options)


def change(name, title, goal, count, few):
    return Row(name, name, {"count": count},
               [Figure(title, name, per_busy_second, "msg/s", goal)],
               needs="change", few={"count": few})


def searching(name, goal):
    return Row(name, name, {"first": 1, "count": 60}, [
        Figure(f"{name.upper()} of 2,000, first", "first", median_ms, "ms",
               1 / goal, False, "ops"),
        Figure(f"{name.upper()} of 2,000, repeated", "repeated", median_ms,
               "ms", 1 / goal, False, "ops")],
        needs="fresh", few={"count": 3})


def idle(conns, title, goal, few):
    return Row(f"idle{conns}", "idle",
               {"conns": conns, "box": f"Idle{conns}", "count": 15,
                "user": f"u{IDLE_USER:04}",
                "settle": 1000 if conns == 1 else 5000}, [
        Figure(f"IDLE: OK of the APPEND to EXISTS, {title}", "idle",
               median_ms, "ms", goal, False, "ops")],
        peers={"count": 5 if conns == 1 else 1},
        few={"count": 3, "conns": few, "settle": 100})


def hold(name, title, goal, **options):
    return Row(name, "hold", {"conns": 2000, "users": MIXED_USERS,
                              "settle": 3, "warm": 100, **options}, [
        Figure(f"memory of an idle connection, {title}", "hold", kib_each,
               "KiB", goal, False, "ops", True)], needs="mixed",
        look="Memory", peers={"conns": 200, "warm": 20},
        few={"conns": 20, "warm": 5, "settle": 1})


def retr(name, title, goal, **options):
    return Row(name, "retr", options,
               [Figure(title, "retr", per_second, "msg/s", goal)],
               needs="realistic", peers={"count": 800}, few={"count": 30})


def lmtp(conns, goal, count):
    return Row(f"lmtp{conns}", "lmtp",
               {"conns": conns, "users": min(conns, 64), "count": count},
               [Figure(f"LMTP, {conns} connections" if conns > 1 else
                       "LMTP, one connection", "lmtp", per_second, "msg/s",
                       goal)],
               few={"count": max(40, conns)})


ROWS = [
    append("append", "APPEND, one connection, LITERAL+", 3, 400),
    append("pipelined", "APPEND pipelined, one connection", 6, 600, depth=16),
    append("append8", "APPEND, 8 connections, 8 users", 4, 800, conns=8,
           users=8),
    append("append8one", "APPEND, 8 connections, one mailbox", 4, 800,
           conns=8),
    append("multiappend", "MULTIAPPEND of 100", 3, 2000, few=400, batch=100),
    lmtp(1, 4, 400),
    lmtp(8, 8, 800),
    lmtp(64, 10, 1600),
    Row("login", "login", {"conns": 8, "users": 50, "count": 2000}, [
        Figure("connect, LOGIN, LOGOUT", "login", ops_per_second, "/s", 4,
               per="ops")], few={"count": 50}),
    Row("logintls", "login", {"conns": 8, "users": 50, "count": 1000,
                              "tls": 1}, [
        Figure("the same with a full TLS handshake, by server CPU", "login",
               visits_per_cpu_second, "/CPU s", 2, per="ops"),
        Figure("the same by the clock", "login", ops_per_second, "/s", None,
               per="ops")], few={"count": 50}),
    Row("loginhash", "login", {"conns": 8, "users": 20, "count": 20,
                               "warm": 0}, [
        Figure("the first login of each, with the server's default hash",
               "login", ops_per_second, "/s", None, per="ops")],
        needs="hashed"),
    Row("select", "select", {"mail": "small", "count": 1000}, [
        Figure("SELECT of 100,000", "select", median_ms, "ms", 1, False,
               "ops")], needs="small", peers={"count": 300}, few={"count": 50}),
    Row("status", "status", {"mail": "small", "count": 2000}, [
        Figure("STATUS of 100,000", "status", median_ms, "ms", 1, False,
               "ops")], needs="small", peers={"count": 300},
        few={"count": 50}),
    Row("flags", "flags", {"mail": "small", "count": 10}, [
        Figure("UID FETCH 1:* FLAGS of 100,000", "repeated", per_busy_second,
               "msg/s", 4)], needs="small", few={"count": 1}),
    first_and_repeated("envelope", "ENVELOPE INTERNALDATE SIZE FLAGS",
                       (10, 8)),
    first_and_repeated("structure", "BODYSTRUCTURE", (10, 4)),
    first_and_repeated("fields4", "4 header fields", (3, 3)),
    first_and_repeated("fields12", "12 header fields", (10, 4)),
    Row("bodies", "bodies", {"count": 5}, [
        Figure("BODY.PEEK[] of everything", "repeated", megabytes, "MB/s",
               1.7)], needs="realistic", few={"count": 1}),
    Row("bodiestls", "bodies", {"count": 5, "tls": 1}, [
        Figure("BODY.PEEK[] of everything, TLS", "repeated", megabytes,
               "MB/s", 2.5)], needs="realistic", few={"count": 1}),
    Row("random", "random", {"conns": 8, "count": 8000}, [
        Figure("random BODY[], 8 connections: rate", "random", per_second,
               "msg/s", 3),
        Figure("random BODY[], 8 connections: p99", "random", p99_ms, "ms",
               1 / 3, False)], needs="realistic", few={"count": 200}),
    change("store", "STORE 1:* of 2,000", 2, 20, 4),
    Row("stores", "stores", {"conns": 8, "count": 8000}, [
        Figure("single STOREs, 8 connections", "stores", per_second, "/s",
               2)], needs="change", few={"count": 200}),
    change("copy", "COPY 1:*", 8, 5, 1),
    change("move", "MOVE 1:*", 8, 6, 2),
    change("expunge", "EXPUNGE of half", 5, 5, 1),
    searching("sort", 3),
    searching("thread", 10),
    idle(1, "1 watcher", 0.5, 1),
    idle(500, "last of 500", 0.1, 20),
    hold("holdplain", "plain", 4),
    hold("holdtls", "TLS", 24, tls=1),
    Row("mixed", "mixed", {"conns": 100, "users": MIXED_USERS,
                           "messages": MIXED_MAIL, "count": 10000}, [
        Figure("100 connections over 50 users, mixed: rate", "mixed",
               ops_per_second, "/s", 6, per="ops"),
        Figure("100 connections over 50 users, mixed: p99", "mixed", p99_ms,
               "ms", 1 / 5, False, "ops")], needs="mixed",
        few={"conns": 10, "count": 400}),
    retr("retr", "POP3 RETR, one at a time", 3, count=2000),
    retr("retrpipe", "POP3 RETR pipelined", 4, count=4000, depth=16),
    Row("disk", "disk", {}, [
        Figure("disk bytes per mail byte, indexes included", "disk",
               disk_per_byte, "", 0.7, False, absolute=True)]),
    Row("fill", "append", {"count": SMALL, "mail": "small", "batch": 100,
                           "check": 0, "depth": 2}, [
        Figure("fill of 100,000 small messages", "append", per_second,
               "msg/s", 3)], needs="empty", multiappend=True,
        peers={"count": 30_000}, few={"count": 500}),
]
