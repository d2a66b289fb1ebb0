import ConfigurationFiles
import RedisCore
import Testing

@testable import worker

@Suite struct InterpolationTests {
    private let environment = ["HOST": "cache", "EMPTY": "", "_x1": "y"]

    @Test(arguments: [
        ("plain", "plain"), ("", ""), ("${HOST}", "cache"), ("a-${HOST}-b-${_x1}", "a-cache-b-y"),
        ("${NONE:fallback}", "fallback"), ("${NONE:}", ""), ("${EMPTY:fallback}", ""),
        ("${URL:redis://localhost:6379}", "redis://localhost:6379"), ("$HOST", "$HOST"), ("5$", "5$"),
        ("$${HOST}", "${HOST}"), ("$$", "$$"), ("{{payload.id}}", "{{payload.id}}"), ("ü${HOST}€", "ücache€"),
    ])
    func `a value is completed from the environment`(_ text: String, _ expected: String) throws {
        #expect(try Interpolation.expand(text, environment: environment) == expected)
    }

    @Test(arguments: [
        ("${NONE}", Interpolation.Failure.missing("NONE")), ("${HOST", .unterminated), ("${}", .invalidName),
        ("${1A}", .invalidName), ("${A B}", .invalidName), ("${A-B:x}", .invalidName),
    ])
    func `what cannot be completed says why`(_ text: String, _ failure: Interpolation.Failure) {
        #expect(throws: failure) { try Interpolation.expand(text, environment: environment) }
    }

    @Test func `what stands for a variable that is not set stands for nothing else`() throws {
        #expect(try Interpolation.expand("a${NONE}b", environment: environment, unset: "") == "ab")
        #expect(try Interpolation.expand("${NONE:x}${HOST}", environment: environment, unset: "") == "xcache")
        #expect(throws: Interpolation.Failure.invalidName) {
            try Interpolation.expand("${}", environment: environment, unset: "")
        }
    }

    @Test func `what may be part of a password is not told`() {
        do throws(Interpolation.Failure) {
            _ = try Interpolation.expand("pa${ss-word}", environment: environment)
            Issue.record("nothing was thrown")
        } catch {
            #expect(!"\(error) \(error.message)".contains("ss-word"))
        }
    }

    @Test func `values from the environment are not expanded again`() throws {
        #expect(try Interpolation.expand("${A}", environment: ["A": "${B}", "B": "no"]) == "${B}")
    }
}

@Suite struct DurationTextTests {
    @Test(arguments: [
        ("250ms", Duration.milliseconds(250)), ("30s", .seconds(30)), ("5m", .seconds(300)), ("1h", .seconds(3_600)),
        ("7d", .seconds(604_800)), ("0s", .zero),
    ])
    func `digits and a unit are a duration`(_ text: String, _ expected: Duration) {
        #expect(DurationText.parse(text) == expected)
    }

    @Test(arguments: [
        "", "s", "30", "30 s", " 30s", "30s ", "-1s", "+1s", "1.5s", "1h30m", "30S", "30sec", "٣s", "1_000ms",
        "99999999999999999999s", "9223372036854775807h",
    ])
    func `anything else is not`(_ text: String) {
        #expect(DurationText.parse(text) == nil)
    }

    @Test(arguments: ["250ms", "30s", "5m", "1h", "90s", "0ms"])
    func `a duration is written as it is read`(_ text: String) throws {
        #expect(DurationText.text(try #require(DurationText.parse(text))) == text)
    }
}
