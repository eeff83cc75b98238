#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How often the disk is asked to keep what was delivered: 64 deliveries at once
share syncs, and one for 40 accounts costs one. Counted by strace of the mail
role."""
import sys
import threading

from bench import (CHEAP_HASH, ROOT, Counting, Report, Trace, arguments,
                   can_trace, make_message, roles)

sys.path.insert(0, str(ROOT / "tests" / "clients"))
from delivering import DOMAIN, Lmtp, LmtpServer  # noqa: E402

SYNCS = "fdatasync", "fsync", "msync", "sync", "syncfs"
# As a disk would; else it is chance who comes while another one syncs.
SLOW_US = 20000
AT_ONCE = 64
ACCOUNTS = 40


def accounts(server):
    names = [f"u{n}" for n in range(AT_ONCE)]
    lines = server.directory / "passwd"
    lines.write_text("".join(
        f"{n}:{{CRYPT}}{CHEAP_HASH}:::::\n" for n in names))
    server.culver("account", "import-passwd", lines)
    return names


def deliver_at_once(clients, names, rounds):
    """In each round every connection has said all but the end of its message
    before the first one says it."""
    gate = threading.Barrier(len(clients))
    refused = []

    def work(number, lmtp):
        for i in range(rounds):
            lmtp.ask("MAIL FROM:<x@example.net>", 250)
            lmtp.ask(f"RCPT TO:<{names[number % len(names)]}@{DOMAIN}>", 250)
            lmtp.ask("DATA", 354)
            lmtp.send(make_message(number * rounds + i))
            gate.wait()
            lmtp.send(b".\r\n")
            answer = lmtp.answer()
            if answer[0] != 250:
                refused.append(answer)

    threads = [threading.Thread(target=work, args=pair)
               for pair in enumerate(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not refused, refused


def measure(server, report, what, deliveries, limit, work):
    with Counting(server) as c:
        if can_trace():
            with Trace(roles(server)["mail"], ",".join(SYNCS),
                       "-e", f"inject=fdatasync:delay_enter={SLOW_US}") as t:
                work()
        else:
            work()
    if can_trace():
        report.at_most(f"syncs by strace, {what}",
                       t.count(*SYNCS) / deliveries, limit, "each")
    else:
        report.skip("syncs by strace", "needs root and strace")
    report.at_least("writes that were answered", c.store["writes"], deliveries)


def main():
    options = arguments(__doc__, count=20)
    rounds = 5 if options.short else options.count
    report = Report()
    server = LmtpServer({"log.level": '"warn"', "log.server": '"info"',
                         "limits.connections_per_address": "20000"}).start()
    try:
        names = accounts(server)
        clients = [Lmtp(server) for _ in range(AT_ONCE)]
        deliver_at_once(clients, names, 1)      # makes the INBOXes
        measure(server, report, f"{AT_ONCE} deliveries at once, an account "
                "each", AT_ONCE * rounds, 0.2,
                lambda: deliver_at_once(clients, names, rounds))
        measure(server, report, f"{AT_ONCE} deliveries at once, one account",
                AT_ONCE * rounds, 0.2,
                lambda: deliver_at_once(clients, names[:1], rounds))
        measure(server, report, "one connection, one after another",
                rounds, 1.01 + 1 / rounds,
                lambda: deliver_at_once(clients[:1], names[:1], rounds))
        many = [f"{n}@{DOMAIN}" for n in names[:ACCOUNTS]]
        measure(server, report, f"one message for {ACCOUNTS} accounts",
                rounds, 1.01 + 1 / rounds, lambda: [
                    clients[0].deliver("x@example.net", many, make_message(i))
                    for i in range(rounds)])
    except BaseException:
        server.kill()
        print(server.tail(), file=sys.stderr)
        raise
    server.close()
    report.exit()


if __name__ == "__main__":
    main()
