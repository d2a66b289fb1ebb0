import RedisCore
import Testing

@Suite struct `A duration in text` {
    @Test(arguments: [
        ("0", Duration.zero), ("0s", .zero), ("3s", .seconds(3)), ("500ms", .milliseconds(500)),
        ("1m30s", .seconds(90)),
        ("1h2m3s4ms5us6ns", .nanoseconds(3_723_004_005_006)), ("1.5h", .seconds(5_400)), (".5s", .milliseconds(500)),
        ("1.s", .seconds(1)), ("7\u{B5}s", .microseconds(7)), ("7\u{3BC}s", .microseconds(7)),
        ("0.000000001s", .nanoseconds(1)), ("2562047h", .seconds(9_223_369_200)), ("1.25ms", .microseconds(1_250)),
    ])
    func `is read as Go reads it`(text: String, duration: Duration) {
        #expect(DurationParser.parse(text) == duration)
    }

    @Test(arguments: [
        "", "3", "s", "3 s", " 3s", "3s ", "-3s", "+3s", "3S", "3sec", "3d", "1.2.3s", ".s", ".", "1s1m", "1s1s",
        "1m30",
        "1e3s", "0x1s", "٣s", "0.5ns", "0.0000000001s", "9223372037s", "2562048h", "99999999999999999999s",
        "0.00000000000001s",
        "1s\u{301}", "1,5s", "∞",
    ])
    func `is refused when it is not exactly one`(text: String) {
        #expect(DurationParser.parse(text) == nil)
    }
}
