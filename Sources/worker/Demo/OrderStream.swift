import RedisCore

/// The 1,000 lines of `Examples/data/orders.ndjson`: 893 orders, 100 repeats of earlier orders, 7 broken lines.
///
/// Generated, always the same, so that the demonstration works away from the repository; a test holds the file and
/// this stream to each other.
enum OrderStream {
    static let orders = 893
    static let repeats = 100
    static let brokenLines = 7

    static func ndjson() -> String {
        var random = SplitMix(seed: 2_003)
        var lines = (0..<orders).map { order(number: $0, &random) }
        // A repeat follows its order within 60 lines, as when a sender tries again because no answer came.
        for _ in 0..<repeats {
            let original = random.next(below: lines.count)
            let place = min(lines.count, original + 1 + random.next(below: 60))
            lines.insert(lines[original], at: place)
        }
        for (index, line) in broken.enumerated() {
            lines.insert(line, at: 97 + index * 131)
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func order(number: Int, _ random: inout SplitMix) -> String {
        let customer = random.next(below: names.count)
        var items: [String] = []
        var total = 0
        for _ in 0...random.next(below: 3) {
            let (sku, name, cents) = goods[random.next(below: goods.count)]
            let quantity = 1 + random.next(below: 4)
            total += cents * quantity
            items.append(
                #"{"sku":"\#(sku)","name":"\#(name)","quantity":\#(quantity),"price":\#(amount(cents))}"#)
        }
        return #"{"id":"ord-\#(10_001 + number)","placedAt":"\#(time(number, &random))","#
            + #""customer":{"id":"cus-\#(301 + customer)","name":"\#(names[customer])","#
            + #""city":"\#(cities[customer % cities.count])"},"items":[\#(items.joined(separator: ","))],"#
            + #""currency":"EUR","total":\#(amount(total))}"#
    }

    private static func amount(_ cents: Int) -> String { "\(cents / 100).\(padded(cents % 100))" }

    private static func padded(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }

    /// One order about every 40 seconds of a working day.
    private static func time(_ number: Int, _ random: inout SplitMix) -> String {
        let second = 8 * 3_600 + number * 40 + random.next(below: 40)
        return "2026-03-02T\(padded(second / 3_600)):\(padded(second / 60 % 60)):\(padded(second % 60))Z"
    }

    private static let names = [
        "Ada Lovelace", "Zoë Krüger", "Łukasz Żółć", "Siân O’Connor", "José Ñíguez", "Ngô Thị Hạnh",
        "Þóra Björnsdóttir",
        "Άννα Παπαδοπούλου", "Иван Соколов", "陈伟", "山田 花子", "김서연", "محمد علي", "נועה לוי", "अनुष्का शर्मा",
        "Çağla Öztürk", "François Lefèvre", "Mária Kovácsová", "Bjørn Ødegård", "Ifeoma Ọlálékan",
        "Renée \\\"Rex\\\" Dupont",
        "Peter Müller-Lüdenscheidt", "Jürgen Groß", "Inês Conceição",
    ]

    private static let cities = ["Wrocław", "København", "Zürich", "Málaga", "Αθήνα", "Київ", "台北", "São Paulo"]

    private static let goods: [(sku: String, name: String, cents: Int)] = [
        ("TEA-EARL-100", "Earl Grey, 100 g", 690), ("TEA-SEN-50", "煎茶 Sencha, 50 g", 1_150),
        ("COF-ETH-250", "Café Éthiopie, 250 g", 1_290), ("COF-BRA-1000", "Café do Cerrado, 1 kg", 2_480),
        ("CUP-BLUE", "Cup “Bleu de Gien”", 1_900), ("POT-IRON", "南部鉄器 iron pot", 7_400),
        ("JAM-APRI", "Marillenmarmelade", 540), ("HON-LIME", "Lindenblütenhonig", 875),
        ("CHO-70", "Schokolade 70 % ½ kg", 1_399), ("SPO-SILV", "Spoon, silver-plated", 2_205),
    ]

    private static let broken = [
        #"{"id":"ord-90001","customer":{"name":"Cut off in the mid"#,
        #"{"id":"ord-90002","total":12.50,}"#,
        #"{id:"ord-90003","total":7.00}"#,
        "ERROR 2026-03-02T13:07:55Z upstream timed out, retrying",
        #"{"id":"ord-90005","total":NaN}"#,
        #"{"id":"ord-90006","items":[{"sku":"CUP-BLUE"}}"#,
        #"{"id":"ord-90007","total":1.00} {"id":"ord-90008","total":2.00}"#,
    ]
}

extension SplitMix {
    fileprivate mutating func next(below bound: Int) -> Int { Int(next() % UInt64(bound)) }
}
