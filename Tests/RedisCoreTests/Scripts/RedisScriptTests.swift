import RedisCore
import Testing

@Suite struct `A Redis script` {
    /// Digests made with coreutils' sha1sum over the UTF-8 bytes.
    @Test(arguments: [
        ("return 1", "e0e1f9fabfc9d4800c877a703b823ac0578ff8db"),
        ("return 'Grüße'", "ef2c239e8a55c47e66df9bba381075425526b3ae"),
    ])
    func `is named by the hash of its UTF-8 text`(source: String, sha: String) {
        #expect(RedisScript("test", source).sha == sha)
    }

    @Test func `keeps its source untouched and is not repeated unless it says so`() {
        let script = RedisScript("test", "\nreturn 1\n")
        #expect(script.source == "\nreturn 1\n")
        #expect(!script.isSafeToRepeat)
        #expect(RedisScript("test", isSafeToRepeat: true, "return 1").isSafeToRepeat)
    }
}
