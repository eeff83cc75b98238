/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Makes a directory and a mailbox agree, both ways: node mirror.mjs DIRECTORY,
 * with HOST, PORT, CA, NAME and PASSWORD in the environment.
 *
 *	UID.eml		a message; removed here: to be deleted there
 *	*.new		a message to be appended; becomes UID.eml
 *	flags.json	{"UID": ["\\Seen", …]}
 *	base.json	what both sides had when they last agreed, and the
 *			UIDVALIDITY and HIGHESTMODSEQ of then
 *
 * Prints the commands that it sent, a line each.
 */
import fs from 'node:fs';
import path from 'node:path';
import { ImapFlow } from 'imapflow';

const directory = process.argv[2];
const file = name => path.join(directory, name);
const same = (a, b) => a.join() === b.join();

function readJson(name, otherwise) {
	return fs.existsSync(file(name))
		? JSON.parse(fs.readFileSync(file(name)))
		: otherwise;
}

function flagsOf(set) {
	return [...set].filter(flag => flag !== '\\Recent').sort();
}

const silent = () => {};
const log = {
	debug: entry => {
		const line = String(entry.msg).split('\r\n')[0];

		/* Not what follows a command, as in AUTHENTICATE. */
		if (entry.src === 'c' && /^\S+ [A-Z]/.test(line))
			console.log(line);
	},
	trace: silent,
	info: silent,
	warn: silent,
	error: entry => console.error(entry),
};

/* What happened there since: {flags: {uid: […]}, vanished: [uid]} */
async function open(client, base) {
	const news = { flags: {}, vanished: [] };
	const flags = e => (news.flags[e.uid] = flagsOf(e.flags));
	const expunge = e => news.vanished.push(e.uid);
	const known = base && {
		uidValidity: BigInt(base.uidValidity),
		changedSince: BigInt(base.highest),
	};

	client.on('flags', flags);
	client.on('expunge', expunge);
	await client.mailboxOpen('INBOX', known || {});
	client.off('flags', flags);
	client.off('expunge', expunge);
	if (!client.enabled.has('QRESYNC') || (base && !client.mailbox.qresync))
		throw new Error('no QRESYNC');
	return news;
}

async function fetchAll(client, have, uids) {
	const items = { uid: true, flags: true, source: true };

	for await (const m of client.fetch(uids, items, { uid: true })) {
		fs.writeFileSync(file(`${m.uid}.eml`), m.source);
		have[m.uid] = flagsOf(m.flags);
	}
}

/* Their changes, here. */
async function take(client, base, have, news) {
	const added = Object.keys(news.flags).filter(uid => !base.messages[uid]);

	for (const uid of news.vanished) {
		fs.rmSync(file(`${uid}.eml`), { force: true });
		delete have[uid];
		delete base.messages[uid];
	}
	for (const [uid, flags] of Object.entries(news.flags)) {
		if (!base.messages[uid])
			continue;
		/* What was changed here stays changed. */
		if (have[uid] && same(have[uid], base.messages[uid]))
			have[uid] = flags;
		base.messages[uid] = flags;
	}
	if (added.length)
		await fetchAll(client, have, added.join());
	for (const uid of added)
		base.messages[uid] = have[uid];
}

/* Ours, there. */
async function give(client, base, have) {
	const gone = Object.keys(base.messages).filter(
		uid => !fs.existsSync(file(`${uid}.eml`)));
	const fresh = fs.readdirSync(directory).filter(n => n.endsWith('.new'));

	for (const [uid, flags] of Object.entries(have)) {
		if (!base.messages[uid] || same(flags, base.messages[uid]))
			continue;
		await client.messageFlagsSet(uid, flags, { uid: true });
	}
	if (gone.length)
		await client.messageDelete(gone.join(), { uid: true });
	gone.forEach(uid => delete have[uid]);
	for (const name of fresh) {
		const text = fs.readFileSync(file(name));
		const { uid } = await client.append('INBOX', text, ['\\Seen']);

		/* With the mod-sequence, so that it is not told again. */
		const m = await client.fetchOne(String(uid), { flags: true },
			{ uid: true });
		have[uid] = flagsOf(m.flags);
		fs.renameSync(file(name), file(`${uid}.eml`));
	}
}

const client = new ImapFlow({
	host: process.env.HOST,
	port: Number(process.env.PORT),
	secure: true,
	tls: { ca: fs.readFileSync(process.env.CA) },
	auth: { user: process.env.NAME, pass: process.env.PASSWORD },
	qresync: true,
	disableAutoIdle: true,
	logger: log,
});
const stored = readJson('base.json', null);
const base = stored || { messages: {} };
const have = readJson('flags.json', {});

await client.connect();
const news = await open(client, stored);
if (!stored && client.mailbox.exists)
	await fetchAll(client, have, '1:*');
if (!stored)
	base.messages = { ...have };
await take(client, base, have, news);
await give(client, base, have);
fs.writeFileSync(file('flags.json'), JSON.stringify(have));
fs.writeFileSync(file('base.json'), JSON.stringify({
	uidValidity: String(client.mailbox.uidValidity),
	highest: String(client.mailbox.highestModseq),
	messages: have,
}));
await client.logout();
