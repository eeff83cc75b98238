#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes a sample mailbox, a Maildir++ tree, for a first look at Culver.

    make-sample-mail.py DIRECTORY

Everything in it is made up here, and the same on every run: folders in several
scripts, threads, attachments, old charsets, forwarded mail, flags, keywords and
subscriptions. The directory must not exist, or be empty. Only the standard
library is used; bytes are put together by hand, for the email package's output
changes between versions.
"""

import base64
import calendar
import os
import quopri
import struct
import sys
import time
import zlib

ME = ("Robin Vale", "robin@culver.example")
ANNA = ("Anna Lindqvist", "anna@example.org")
BORIS = ("Борис Ковалёв", "boris@example.net")
CHLOE = ("Chloé Durand", "chloe@example.com")
DIMITRA = ("Δήμητρα Παππά", "dimitra@example.org")
EMI = ("佐藤 恵美", "emi@example.net")
FARID = ("فريد منصور", "farid@example.com")
LIST = ("Beekeepers", "bees@lists.example.org")

KEYWORDS = ["$Forwarded", "$MDNSent", "work", "family", "$Label1"]
SUBSCRIBED = ["Sent", "Drafts", "Archive", "Archive/2025", "Junk", "Trash",
              "Проекты", "Проекты/Ελληνικά", "Проекты/Ελληνικά/日本語"]


# ---- bytes ----

def utf7(name):
    """Modified UTF-7 (RFC 3501 section 5.1.3)."""
    out, shifted = "", ""

    def flush():
        nonlocal out, shifted
        if shifted:
            b64 = base64.b64encode(shifted.encode("utf-16-be")).decode()
            out += "&" + b64.rstrip("=").replace("/", ",") + "-"
            shifted = ""

    for c in name:
        if " " <= c <= "~":
            flush()
            out += "&-" if c == "&" else c
        else:
            shifted += c
    flush()
    return out


def directory_of(mailbox):
    if mailbox == "INBOX":
        return ""
    return "." + utf7(mailbox).replace("/", ".")


def word(text, charset="utf-8", encoding="B"):
    """Text for a header: as it is, or in encoded words of up to 75 bytes."""
    if text.isascii():
        return text
    words, piece = [], ""
    for c in text:
        if len(encoded_word(piece + c, charset, encoding)) > 70:
            words.append(encoded_word(piece, charset, encoding))
            piece = ""
        piece += c
    words.append(encoded_word(piece, charset, encoding))
    return "\n ".join(words)


def encoded_word(text, charset, encoding):
    data = text.encode(charset)
    if encoding == "B":
        body = base64.b64encode(data).decode()
    else:
        body = "".join(chr(b) if chr(b).isascii() and chr(b).isalnum()
                       else "_" if b == 0x20 else "=%02X" % b for b in data)
    return f"=?{charset.upper()}?{encoding}?{body}?="


def address(person, charset="utf-8"):
    name, mail = person
    if name.isascii():
        return f"{name} <{mail}>"
    return f"{word(name, charset)} <{mail}>"


def addresses(people, charset="utf-8"):
    return ",\n ".join(address(p, charset) for p in people)


def body_bytes(data, encoding):
    if encoding == "base64":
        return base64.encodebytes(data)
    if encoding == "quoted-printable":
        return quopri.encodestring(data)
    return data


def part(content, kind="text/plain", charset="utf-8", encoding=None,
         headers=()):
    """One MIME entity. Content is text, or bytes that are no text."""
    lines = []
    if isinstance(content, str):
        data = content.encode(charset)
        plain = all(b < 0x80 for b in data)
        encoding = encoding or ("7bit" if plain else "quoted-printable")
        lines.append(f"Content-Type: {kind}; charset={charset}")
    else:
        data = content
        encoding = encoding or "base64"
        lines.append(f"Content-Type: {kind}")
    lines.append(f"Content-Transfer-Encoding: {encoding}")
    lines.extend(headers)
    return "\n".join(lines).encode() + b"\n\n" + body_bytes(data, encoding)


def multipart(subtype, parts, parameters="", preamble=""):
    """The boundary follows from the content, so that nested ones differ."""
    boundary = "=-%08x" % zlib.crc32(b"".join(parts))
    head = f'Content-Type: multipart/{subtype}; boundary="{boundary}"'
    out = (head + parameters + "\n\n" + preamble).encode()
    for p in parts:
        out += f"--{boundary}\n".encode() + p
        if not p.endswith(b"\n"):
            out += b"\n"
    return out + f"--{boundary}--\n".encode()


def attachment(name, data, kind):
    """With an RFC 2231 name where it is not ASCII."""
    if name.isascii():
        value = f'filename="{name}"'
    else:
        value = "filename*=utf-8''" + "".join(
            "%%%02X" % b if b > 0x7f or b <= 0x20 else chr(b)
            for b in name.encode())
    return part(data, kind, headers=[
        f"Content-Disposition: attachment;\n {value}"])


# ---- things to attach ----

def png(width, height, colour):
    """A picture with a gradient."""
    rows = b""
    for y in range(height):
        rows += b"\0" + bytes(
            min(255, c * (x + y) // (width + height))
            for x in range(width) for c in colour)

    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data +
                struct.pack(">I", zlib.crc32(kind + data)))

    # stored, not compressed: zlib's output differs between versions
    stored = b"\x78\x01"
    while rows:
        block, rows = rows[:65535], rows[65535:]
        stored += struct.pack("<BHH", not rows, len(block),
                              len(block) ^ 0xffff) + block
    stored += struct.pack(">I", zlib.adler32(unstored(stored)))
    return (b"\x89PNG\r\n\x1a\n" +
            chunk(b"IHDR", struct.pack(">IIBBBBB", width, height,
                                       8, 2, 0, 0, 0)) +
            chunk(b"IDAT", stored) + chunk(b"IEND", b""))


def unstored(stream):
    at, out = 2, b""
    while at < len(stream):
        size = struct.unpack("<H", stream[at + 1:at + 3])[0]
        out += stream[at + 5:at + 5 + size]
        at += 5 + size
    return out


def pdf(lines):
    """One page of text."""
    text = "BT /F 14 Tf 72 760 Td 20 TL " + " ".join(
        f"({line}) Tj T*" for line in lines) + " ET"
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        " /Resources << /Font << /F 5 0 R >> >> >>",
        f"<< /Length {len(text)} >>\nstream\n{text}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{content}\nendobj\n".encode()
    table = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    for offset in offsets:
        out += f"{offset:010d} 00000 n \n".encode()
    return out + (f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\n"
                  f"startxref\n{table}\n%%EOF\n").encode()


# ---- the tree ----

class Tree:
    """Collects messages, then writes them."""

    def __init__(self):
        self.messages = []

    def add(self, mailbox, when, sender, to, subject, body, flags="S",
            keywords=(), name=None, answers=(), headers=(), charset="utf-8",
            encoding="B", crlf=False):
        """Returns the Message-ID. `body` is an entity, or text. `flags` are
        Maildir's letters; `answers` the References, oldest first."""
        if isinstance(body, str):
            body = part(body, charset=charset)
        number = len(self.messages) + 1
        identity = f"<{name or number}.sample@culver.example>"
        seconds = calendar.timegm(time.strptime(when, "%Y-%m-%d %H:%M"))
        lines = [f"Return-Path: <{sender[1]}>"] if sender != ME else []
        lines += [
            f"From: {address(sender, charset)}",
            "To: " + (to if isinstance(to, str) else addresses(to, charset)),
        ]
        if subject is not None:
            lines.append(f"Subject: {word(subject, charset, encoding)}")
        lines += [
            time.strftime("Date: %a, %d %b %Y %H:%M:%S +0000",
                          time.gmtime(seconds)),
            f"Message-ID: {identity}",
        ]
        if answers:
            lines.append(f"In-Reply-To: {answers[-1]}")
            lines.append("References: " + "\n ".join(answers))
        lines += list(headers) + ["MIME-Version: 1.0"]
        data = "\n".join(lines).encode() + b"\n" + body
        if crlf:
            data = data.replace(b"\n", b"\r\n")
        letters = "".join(sorted(flags)) + "".join(
            sorted(chr(ord("a") + KEYWORDS.index(k)) for k in keywords))
        self.messages.append((mailbox, seconds, number, letters, data))
        return identity

    def write(self, root):
        for mailbox in ["INBOX"] + SUBSCRIBED:
            for sub in ("cur", "new", "tmp"):
                os.makedirs(os.path.join(root, directory_of(mailbox), sub))
            self.write_text(root, mailbox, "dovecot-keywords", "".join(
                f"{i} {k}\n" for i, k in enumerate(KEYWORDS)))
            if mailbox != "INBOX":
                self.write_text(root, mailbox, "maildirfolder", "")
        self.write_text(root, "INBOX", "subscriptions", "".join(
            directory_of(m)[1:] + "\n" for m in SUBSCRIBED))
        for mailbox, seconds, number, letters, data in self.messages:
            # without flags it was not seen by any client yet
            sub = "cur" if letters else "new"
            info = ":2," + letters if letters else ""
            path = os.path.join(
                root, directory_of(mailbox), sub,
                f"{seconds}.M{number:06d}P1.sample,S={len(data)}{info}")
            with open(path, "wb") as f:
                f.write(data)
            os.utime(path, (seconds, seconds))

    @staticmethod
    def write_text(root, mailbox, name, text):
        path = os.path.join(root, directory_of(mailbox), name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)


# ---- the mail ----

def add_welcome(tree):
    tree.add("INBOX", "2026-01-05 08:00", ("Culver", "culver@culver.example"),
             [ME], "Welcome to Culver", multipart("alternative", [
                 part("Hello Robin,\n\nthis is a sample mailbox. Everything in "
                      "it is made up: look around, flag,\nmove, delete. A "
                      "search for \"honey\" finds mail in three folders.\n\n"
                      "  * Archive and Archive/2025 hold older mail\n"
                      "  * Проекты has folders in three scripts\n"
                      "  * some messages wear charsets of long ago\n"),
                 part("<html><body><h1>Hello Robin,</h1><p>this is a sample "
                      "mailbox. Everything in it is made up: look around, "
                      "flag, move, delete. A search for <b>honey</b> finds "
                      "mail in three folders.</p><ul><li>Archive and "
                      "Archive/2025 hold older mail</li><li>Проекты has "
                      "folders in three scripts</li><li>some messages wear "
                      "charsets of long ago</li></ul></body></html>\n",
                      "text/html")]), flags="F", name="welcome")


def add_garden_thread(tree):
    a = tree.add("INBOX", "2026-01-02 09:12", ANNA, [ME, CHLOE],
                 "The garden this year",
                 "Shall we plan the beds before the frost is over?\n\n"
                 "I would like beans along the fence, and somebody said "
                 "honey.\n\nAnna\n", flags="RS", name="garden1")
    b = tree.add("Sent", "2026-01-02 10:40", ME, [ANNA, CHLOE],
                 "Re: The garden this year",
                 "> I would like beans along the fence, and somebody said "
                 "honey.\n\nBeans yes. Honey was me: two hives behind the "
                 "shed?\n\nRobin\n", name="garden2", answers=[a])
    c = tree.add("INBOX", "2026-01-02 18:03", CHLOE, [ME, ANNA],
                 "Re: The garden this year", multipart("mixed", [
                     part("Deux ruches, d'accord ! Here is the plan, drawn "
                          "quickly.\n\nChloé\n"),
                     attachment("plan.png", png(96, 64, (60, 160, 40)),
                                "image/png")]),
                 flags="FRS", name="garden3", answers=[a, b])
    d = tree.add("Sent", "2026-01-03 07:30", ME, [CHLOE, ANNA],
                 "Re: The garden this year",
                 "Lovely. The hives should look to the south-east.\n\n"
                 "Robin\n", name="garden4", answers=[a, b, c])
    tree.add("INBOX", "2026-01-03 12:00", ANNA, [CHLOE, ME],
             "Re: The garden this year",
             "I measured: there are 3 m behind the shed.\n",
             flags="S", name="garden5", answers=[a, b, c, d])
    tree.add("INBOX", "2026-01-04 21:15", BORIS, [ANNA],
             "Was: The garden this year -- now: wasps",
             "Анна переслала мне вашу переписку. Осы любят мёд!\n",
             flags="", name="garden6", answers=[a],
             headers=[f"Cc: {address(ME)}"])


def add_charsets(tree):
    tree.add("INBOX", "2025-12-28 06:20", EMI, [ME], "新年のご挨拶",
             "ロビンさん\n\nあけましておめでとうございます。\n"
             "今年もよろしくお願いします。\n\n恵美\n",
             charset="iso-2022-jp", flags="S", keywords=["family"])
    tree.add("INBOX", "2025-12-20 15:45", BORIS, [ME], "Поездка в январе",
             part("Привет!\n\nПоезд отходит в 7:40, билеты у меня.\n\n"
                  "Борис\n", charset="koi8-r", encoding="8bit"),
             charset="koi8-r", flags="S")
    tree.add("INBOX", "2025-12-18 11:05", FARID, [ME], "موعد الاجتماع",
             part("مرحبا روبن،\n\nهل يناسبك الاجتماع يوم الثلاثاء؟\n\nفريد\n",
                  charset="windows-1256", encoding="base64"),
             charset="windows-1256", flags="FS", keywords=["work"])
    tree.add("INBOX", "2025-12-15 19:30", CHLOE, [ME], "Été à Nîmes",
             part("Ça te dirait ? Le gîte est à 45 € la nuit.\n\nChloé\n",
                  charset="iso-8859-15", encoding="quoted-printable"),
             charset="iso-8859-15", encoding="Q", flags="S")
    tree.add("Archive", "2024-03-10 08:00", ("김민준", "minjun@example.net"),
             [ME], "회의록", "안녕하세요,\n\n회의록을 보내드립니다.\n",
             charset="euc-kr")
    tree.add("Archive", "2024-03-11 08:00", ("李伟", "liwei@example.net"),
             [ME], "关于合同", "您好，\n\n合同已经寄出。\n", charset="gb18030")
    tree.add("Archive", "2024-03-12 08:00", ("陳美玲", "meiling@example.net"),
             [ME], "蜂蜜訂單", "您好，\n\n蜂蜜 (honey) 已經到貨。\n",
             charset="big5")
    tree.add("Archive", "2024-03-13 08:00", ("נועה לוי", "noa@example.com"),
             [ME], "תמונות מהטיול",
             "שלום רובין,\n\nהתמונות יפות מאוד.\n", charset="iso-8859-8",
             headers=["Content-Language: he"])
    tree.add("Archive", "2024-03-14 08:00",
             ("สมชาย ใจดี", "somchai@example.com"), [ME], "สวัสดีปีใหม่",
             "สวัสดีครับ\n", charset="tis-620")
    tree.add("Archive", "2024-03-15 08:00", ("Jürgen Weiß", "jw@example.org"),
             [ME], "Grüße aus Köln 🐝",
             part("Schöne Grüße!\n\n🐝🍯\n", encoding="base64"))


def add_attachments(tree):
    tree.add("INBOX", "2025-12-12 09:00", ("Office", "office@example.org"),
             [ME], "Invoice 2025-117", multipart("mixed", [
                 part("Please find the invoice attached.\n"),
                 attachment("invoice-2025-117.pdf", pdf([
                     "Invoice 2025-117", "2 hives, painted", "Total: 240.00"]),
                            "application/pdf")]),
             flags="S", keywords=["work"])
    tree.add("INBOX", "2025-12-10 16:20", EMI, [ME], "写真とメモ",
             multipart("mixed", [
                 part("写真を送ります。\n"),
                 attachment("庭の写真.png", png(64, 64, (220, 120, 60)),
                            "image/png"),
                 attachment("メモ.txt", "蜂蜜は甘い。\n".encode("shift_jis"),
                            "text/plain; charset=shift_jis")]), flags="S")
    tree.add("INBOX", "2025-12-09 07:00", ("Weekly", "news@example.com"),
             [ME], "Your weekly letter: honey, wax and more",
             multipart("alternative", [
                 part("Honey, wax and more. This week: a picture.\n"),
                 multipart("related", [
                     part('<html><body><h2>Honey, wax and more</h2><img src='
                          '"cid:comb@example.com" alt="a comb"></body></html>'
                          "\n", "text/html"),
                     part(png(48, 48, (250, 200, 40)), "image/png", headers=[
                         "Content-ID: <comb@example.com>",
                         "Content-Disposition: inline"])],
                     '; type="text/html"')]),
             flags="", headers=[
                 "List-Unsubscribe: <https://example.com/leave>",
                 "Precedence: bulk"])
    tree.add("INBOX", "2025-12-08 13:37", DIMITRA, [ME],
             "Invitation: planning", multipart("mixed", [
                 part("Τα λέμε την Παρασκευή;\n"),
                 part("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//sample//EN\n"
                      "METHOD:REQUEST\nBEGIN:VEVENT\nUID:plan@example.org\n"
                      "DTSTAMP:20251208T133700Z\nDTSTART:20251212T090000Z\n"
                      "DTEND:20251212T100000Z\nSUMMARY:Planning\n"
                      "END:VEVENT\nEND:VCALENDAR\n", "text/calendar",
                      headers=['Content-Disposition: inline; '
                               'filename="plan.ics"'])]),
             flags="S", keywords=["work"])
    tree.add("Archive/2025", "2025-06-01 10:00", ANNA, [ME],
             "Measurements", multipart("mixed", [
                 part("All hives, all weeks.\n"),
                 attachment("weights.csv", ("hive,week,kg\n" + "".join(
                     f"{h},{w},{20 + h + w % 7}.5\n"
                     for h in range(1, 6) for w in range(1, 53))).encode(),
                            "text/csv"),
                 attachment("anna.vcf", b"BEGIN:VCARD\r\nVERSION:4.0\r\nFN:Anna"
                            b" Lindqvist\r\nEMAIL:anna@example.org\r\n"
                            b"END:VCARD\r\n", "text/vcard")]))


def add_nested(tree):
    inner = (b"From: Anna Lindqvist <anna@example.org>\nTo: "
             b"boris@example.net\nSubject: The key\nDate: Mon, 01 Dec 2025 "
             b"10:00:00 +0000\nMessage-ID: <key@example.org>\nMIME-Version: "
             b"1.0\nContent-Type: text/plain\n\nIt is under the pot.\n")
    middle = (f"From: {address(BORIS)}\nTo: chloe@example.com\nSubject: Fwd: "
              "The key\nDate: Mon, 01 Dec 2025 11:00:00 +0000\nMessage-ID: "
              "<fkey@example.net>\nMIME-Version: 1.0\n").encode()
    middle += multipart("mixed", [
        part("См. ниже.\n"), part(inner, "message/rfc822", encoding="7bit")])
    tree.add("INBOX", "2025-12-01 12:00", CHLOE, [ME], "Fwd: Fwd: The key",
             multipart("mixed", [
                 part("Voilà.\n"),
                 part(middle, "message/rfc822", encoding="7bit",
                      headers=["Content-Disposition: inline"])]),
             flags="PS", keywords=["$Forwarded"])
    tree.add("INBOX", "2025-11-30 03:00",
             ("Mail Delivery System", "mailer-daemon@culver.example"), [ME],
             "Undelivered Mail Returned to Sender", multipart("report", [
                 part("Your message to nobody@example.net could not be "
                      "delivered:\nno such user.\n"),
                 part(b"Reporting-MTA: dns; culver.example\n\nFinal-Recipient:"
                      b" rfc822; nobody@example.net\nAction: failed\nStatus: "
                      b"5.1.1\n", "message/delivery-status", encoding="7bit"),
                 part(b"From: robin@culver.example\nTo: nobody@example.net\n"
                      b"Subject: Anybody there?\nMessage-ID: <any@culver."
                      b"example>\n", "text/rfc822-headers",
                      encoding="7bit")],
                 "; report-type=delivery-status"), flags="S")
    tree.add("Archive/2025", "2025-05-05 05:05", LIST, [LIST],
             "Bees Digest, Vol 7, Issue 3", multipart("mixed", [
                 part("Today's topics:\n 1. Swarms\n 2. Honey moisture\n"),
                 multipart("digest", [
                     b"\nFrom: anna@example.org\nSubject: Swarms\n\nEarly this "
                     b"year.\n",
                     b"\nFrom: farid@example.com\nSubject: Honey moisture\n\n"
                     b"Below 18 percent, please.\n"])],
                 preamble="This is a digest in MIME format.\n"),
             headers=["List-Id: Beekeepers <bees.lists.example.org>"])


def add_list_thread(tree):
    headers = ["List-Id: Beekeepers <bees.lists.example.org>",
               "List-Post: <mailto:bees@lists.example.org>"]
    a = tree.add("Archive/2025", "2025-04-01 08:00", FARID, [LIST],
                 "[bees] Which varroa treatment?",
                 "Oxalic acid in winter, or something else?\n",
                 name="varroa1", headers=headers)
    b = tree.add("Archive/2025", "2025-04-01 09:30", DIMITRA, [LIST],
                 "Re: [bees] Which varroa treatment?",
                 "Thymol in August works for us.\n", name="varroa2",
                 answers=[a], headers=headers)
    tree.add("Archive/2025", "2025-04-01 10:10", ANNA, [LIST],
             "Re: [bees] Which varroa treatment?",
             part("Both. Never both at the same time, though. A line that is "
                  "long enough that it \nis flowed over two.\n-- \nAnna\n",
                  'text/plain; format=flowed'), name="varroa3",
             answers=[a], headers=headers)
    c = tree.add("Archive/2025", "2025-04-02 07:00", FARID, [LIST],
                 "Re: [bees] Which varroa treatment?", "Thank you both!\n",
                 name="varroa4", answers=[a, b], headers=headers)
    tree.add("Archive/2025", "2025-04-03 07:00", EMI, [LIST],
             "Re: [bees] Which varroa treatment?", "勉強になりました。\n",
             answers=[a, b, c], headers=headers)


def add_odd(tree):
    tree.add("INBOX", "2025-11-20 10:00", ANNA, "undisclosed-recipients:;",
             None, "No subject, and nobody in To.\n")
    tree.add("INBOX", "2025-11-19 10:00", CHLOE,
             "The Garden: Anna <anna@example.org>,\n Robin "
             "<robin@culver.example>;", "To a group, with CRLF line ends",
             "This file has CRLF at its line ends.\n", crlf=True)
    tree.add("INBOX", "2025-11-18 10:00", BORIS, [ME], "Пусто",
             part(""), flags="S")
    tree.add("INBOX", "2025-11-17 10:00", DIMITRA, [ME],
             "Μια πολύ μεγάλη γραμμή θέματος που δεν χωράει ούτε σε μία ούτε "
             "σε δύο κωδικοποιημένες λέξεις, και γι' αυτό διπλώνεται",
             "Το θέμα τα λέει όλα.\n", flags="RS")
    tree.add("Archive", "2023-01-01 00:00",
             ("Pelé Gómez", "pelé@example.com"), [ME], "An address of today",
             "The local part of the sender is not ASCII (RFC 6532).\n")


def add_projects(tree):
    tree.add("Проекты", "2025-09-01 09:00", BORIS, [ME], "План проекта",
             "Первый этап: чертежи. Второй: доски.\n", keywords=["work"])
    a = tree.add("Проекты/Ελληνικά", "2025-09-02 09:00", DIMITRA, [ME],
                 "Μετάφραση", "Η μετάφραση είναι έτοιμη.\n",
                 charset="iso-8859-7", name="metafrasi", flags="RS",
                 keywords=["work"])
    tree.add("Проекты/Ελληνικά", "2025-09-02 10:00", ME, [DIMITRA],
             "Re: Μετάφραση", "Ευχαριστώ!\n", answers=[a])
    tree.add("Проекты/Ελληνικά/日本語", "2025-09-03 09:00", EMI, [ME],
             "翻訳について", "ギリシャ語から日本語への翻訳です。\n",
             charset="euc-jp", flags="FS", keywords=["work", "$Label1"])


def add_rest(tree):
    tree.add("Drafts", "2026-01-05 07:55", ME, [FARID], "Re: موعد الاجتماع",
             "Dear Farid,\n\nTuesday is\n", flags="DS")
    tree.add("Drafts", "2026-01-05 07:58", ME, "", "Shopping",
             "- foundation sheets\n- smoker\n- ", flags="D")
    tree.add("Sent", "2025-12-18 12:00", ME, [FARID], "Re: موعد الاجتماع",
             "Yes. I will write more.\n", flags="S")
    tree.add("Sent", "2025-12-01 12:30", ME, [CHLOE], "Re: Fwd: Fwd: The key",
             "Merci !\n", flags="S", headers=["Bcc: anna@example.org"])
    tree.add("Trash", "2025-10-10 10:10", ("Shop", "shop@example.com"), [ME],
             "Your parcel has been delivered", "It stands at the door.\n")
    tree.add("Trash", "2025-10-11 10:10", ANNA, [ME], "Wrong button",
             "Sorry, ignore this.\n", flags="ST")
    tree.add("Junk", "2025-12-31 23:59", ("PRINCE", "prince@example.com"),
             [ME], "U R G E N T   inheritance of 40 tons of honey",
             part("<html><body><font size=7 color=red>DEAR FRIEND</font><p>My "
                  "late uncle left 40 tons of honey. I need only your spoon."
                  "</body></html>\n", "text/html"), flags="",
             headers=["X-Spam-Flag: YES"])
    tree.add("Junk", "2026-01-01 00:01", ("", "xx9@example.net"), [ME],
             "=?broken?Q?not=an encoded word?=",
             "Cheap cheap cheap.\n", flags="S",
             headers=["X-Spam-Flag: YES"])


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    root = sys.argv[1]
    if os.path.exists(root) and os.listdir(root):
        sys.exit(f"{root}: is not empty")
    tree = Tree()
    for add in (add_welcome, add_garden_thread, add_charsets, add_attachments,
                add_nested, add_list_thread, add_odd, add_projects, add_rest):
        add(tree)
    tree.write(root)
    print(f"{len(tree.messages)} messages in {1 + len(SUBSCRIBED)} folders")


if __name__ == "__main__":
    main()
