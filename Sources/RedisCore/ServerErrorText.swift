/// The text of an error reply: its first word, and what of it may be shown.
enum ServerErrorText {
    /// Longest text kept: enough for every message of the server, too little for a payload.
    static let limit = 256

    /// The upper-case word that names the kind of error, without a stray leading `-`.
    static func firstWord(of reply: String) -> String {
        String(decoding: reply.utf8.drop { $0 == UInt8(ascii: "-") }.prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self)
    }

    /// Advice for replies that share the first word ERR, or have a rare one.
    static func advice(for reply: String) -> String? {
        if reply.utf8.firstRange(of: "max number of clients reached".utf8) != nil {
            return "every connection slot of the server is taken; raise maxclients or close idle clients"
        }
        if reply.utf8.firstRange(of: "DB index is out of range".utf8) != nil {
            return "the server has fewer databases; compare the database number with its `databases` setting"
        }
        switch firstWord(of: reply) {
        case "DENIED": return "the server is in protected mode; give it a password or bind it to this interface"
        case "MASTERDOWN": return "this replica lost its master and may not serve old data; wait or use the master"
        default: return nil
        }
    }

    /// The reply's text without arguments of the command that the server repeats in it.
    ///
    /// Servers echo the arguments of an unknown command, and quote others (`Error in ACL SETUSER modifier '>…'`).
    /// Quoted words stay only where they are the name of a command, and in texts that name no argument at all.
    static func withoutEchoes(_ reply: String) -> String {
        // Bytes, not characters: a combining mark after a quote would make it another character.
        var text = Substring(reply).utf8.drop { $0 == UInt8(ascii: "-") }
        if let tail = text.firstRange(of: ", with args beginning with".utf8) { text = text[..<tail.lowerBound] }
        guard mayQuoteArguments(text) else { return printable(text) }
        var result: [UInt8] = []
        var rest = text
        while let open = rest.firstIndex(where: isQuote) {
            let inside = rest[rest.index(after: open)...]
            let quote = rest[open]
            result += rest[...open]
            if rest[..<open].last.map(isLetter) == true {
                rest = inside  // An apostrophe, as in `can't`.
            } else if let close = endOfCommandName(inside, quote: quote, before: rest[..<open]) {
                result += inside[...close]
                rest = inside[inside.index(after: close)...]
            } else {
                result += "…".utf8
                guard let close = lastQuote(inside, quote) else { return printable(result) }
                result.append(quote)
                rest = inside[inside.index(after: close)...]
            }
        }
        result += rest
        return printable(result)
    }

    /// Errors with a word of their own have fixed texts; those of scripts quote the script.
    private static func mayQuoteArguments(_ text: Substring.UTF8View) -> Bool {
        let word = String(decoding: text.prefix { $0 != UInt8(ascii: " ") }, as: UTF8.self)
        guard word == "ERR" || word == "NOPERM" || RedisError.Code.from(serverReply: word) == .server else {
            return false
        }
        return text.prefix { !isQuote($0) }.firstRange(of: "script".utf8) == nil
    }

    /// Where the quoted name of a command ends, as in `unknown command 'x'` and `for 'get' command`.
    private static func endOfCommandName(
        _ inside: Substring.UTF8View, quote: UInt8, before: Substring.UTF8View
    ) -> Substring.Index? {
        guard let close = inside.firstIndex(of: quote) else { return nil }
        let follows = inside[inside.index(after: close)...].starts(with: " command".utf8)
        return follows || before.suffix(16).elementsEqual("unknown command ".utf8) ? close : nil
    }

    /// Where a quoted argument ends at the latest: it may hold quotes itself.
    private static func lastQuote(_ inside: Substring.UTF8View, _ quote: UInt8) -> Substring.Index? {
        inside.indices.last { index in
            inside[index] == quote && inside[inside.index(after: index)...].first.map(isLetter) != true
        }
    }

    private static func isQuote(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "'") || byte == UInt8(ascii: "`") }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    /// One line of bounded length, so that a reply cannot forge log lines.
    private static func printable(_ text: some Sequence<UInt8>) -> String {
        let scalars = String(decoding: Array(text), as: UTF8.self).unicodeScalars
        var line = String.UnicodeScalarView()
        for scalar in scalars.prefix(limit) {
            line.append(scalar.properties.generalCategory == .control ? " " : scalar)
        }
        return String(line) + (scalars.count > limit ? "…" : "")
    }
}
