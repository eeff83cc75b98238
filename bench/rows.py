# SPDX-License-Identifier: Apache-2.0
"""What is compared: one table. A row is a workload of bench-load with its
numbers, and what is read from its results. `goal` is the ratio of Culver's
figure to that of the best peer."""
import dataclasses

# Numbers of messages, connections and accounts.
REALISTIC, SMALL, ACCOUNTS = 2000, 100_000, 1500
# Accounts by what they are for: u0000 to u0063 get mail, the others have it.
REALISTIC_USER, SMALL_USER, MIXED_USER, FRESH_USER = 64, 65, 100, 200


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


@dataclasses.dataclass
class Row:
    name: str
    workload: str
    options: dict
    figures: list
    # Mail that must be there: "realistic", "small", "mixed", or "fresh": an
    # account that was filled just now and of which nobody asked anything.
    needs: str = ""
    mail: int = 0
    # The server has to be able to.
    multiappend: bool = False
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
    Row("select", "select", {"mail": "small", "count": 1000}, [
        Figure("SELECT of 100,000", "select", median_ms, "ms", 1, False,
               "ops")], needs="small", few={"count": 50}),
    Row("status", "status", {"mail": "small", "count": 2000}, [
        Figure("STATUS of 100,000", "status", median_ms, "ms", 1, False,
               "ops")], needs="small", few={"count": 50}),
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
]
