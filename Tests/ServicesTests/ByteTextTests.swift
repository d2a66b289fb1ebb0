import ConfigurationFiles
import Testing

/// Sizes in a file.
@Suite struct ByteTextTests {
    @Test(arguments: [
        ("0", 0), ("512", 512), ("512B", 512), ("1KiB", 1_024), ("64KiB", 65_536), ("1MiB", 1 << 20),
        ("3GiB", 3 << 30),
    ])
    func `digits and a unit are a size, digits alone are bytes`(_ text: String, _ bytes: Int) {
        #expect(ByteText.parse(text) == bytes)
        #expect(ByteText.parse(ByteText.text(bytes)) == bytes)
    }

    @Test(arguments: [
        "", "B", "MiB", "1MB", "1M", "1mib", "1 MiB", "-1", "+1", "1.5MiB", "1MiB ", "9223372036854775807KiB",
        "٣KiB", "99999999999999999999",
    ])
    func `anything else is none`(_ text: String) {
        #expect(ByteText.parse(text) == nil)
    }

    @Test func `a size is written with the largest unit that fits`() {
        #expect(
            [0, 1, 1_000, 1_024, 1_536, 1 << 20, 5 << 30].map(ByteText.text) == [
                "0B", "1B", "1000B", "1KiB", "1536B", "1MiB", "5GiB",
            ])
    }
}
