"""Changes that nothing can notice, since what they change makes no difference; each with why."""

#: By file, line as it stands, and change.
EQUIVALENT: dict[tuple[str, str, str], str] = {
    (
        "shared/planning/orphans.py",
        "expiry.deletes.extend(expire_failed(ours, timedelta(0), now, policy))",
        "0 -> 1",
    ): "failed snapshots stay for a day at least: the greater of both counts",
    (
        "shared/passes/trust.py",
        "if self._writing and waited < PATIENCE.total_seconds():",
        "waited < PATIENCE.total_seconds() -> waited <= PATIENCE.total_seconds()",
    ): "just at PATIENCE the answer is believed either way, and the record no longer read",
    (
        "shared/passes/trust.py",
        "writing: bool = False,",
        "False -> True",
    ): "every pass says whether it writes",
    (
        "shared/planning/adopt.py",
        "return {key: value for key, value in wanted.items() if key not in (NAME, DELTAS)}",
        "(NAME, DELTAS) -> (DELTAS,)",
    ): "the name is empty, and what is empty is no label",
    (
        "shared/rules/wrong.py",
        "def problem(self, source: Source, use_claim_name: bool = False) -> Problem:",
        "False -> True",
    ): "only defaults leave it out, which are no disk's rule, whatever the claim is called",
    (
        "shared/passes/apply.py",
        "if workers == 1 or len(items) < 2:",
        "2 -> 0",
    ): "one item in a pool of threads has the same result",
    (
        "shared/sources/mirror.py",
        'packed = gzip.compress(data, 6, mtime=0) if self._name.endswith(".gz") else data',
        "6 -> 7",
    ): "how hard it is packed changes nothing that is read",
    (
        "shared/sources/mirror.py",
        "unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)",
        "16 -> 17",
    ): "MAX_WBITS is 15, which has the lowest bit already",
    (
        "shared/rules/windows.py",
        "return shorten(value, 10 * MAX_TEXT)",
        "10 -> 11",
    ): "what is so long is no window: it has a problem, whatever it counts as",
    (
        "shared/bucket/lease.py",
        'log.info("%s is held by pass %s", scope, shorten(state.holder, 60))',
        "60 -> 0",
    ): "what is logged decides nothing",
    (
        "shared/planning/pictures.py",
        "for snapshot in others[-1:] if number == 0 else ():",
        "1 -> 0",
    ): "each takes the cell of the one before, and the last is the same",
    (
        "shared/passes/trust.py",
        "waited: float = 0.0",
        "0.0 -> 1.0",
    ): "whatever is written has it, and of what cannot be read it is not asked",
    (
        "shared/planning/timing.py",
        "gap = self.window.longest_gap(newest) if self.window else timedelta(0)",
        "0 -> 1",
    ): "without a window nothing waits, whatever its patience",
}
