// What cannot work, in words, for those who read options from a file: told there, not at the first call.

extension CacheOptions {
    package var problem: String? { flaw()?.message }
}

extension SessionOptions {
    package var problem: String? { flaw()?.message }
}

extension OneTimeCodeOptions {
    package var problem: String? { flaw()?.message }
}

extension ExpirySweeperOptions {
    package var problem: String? { flaw()?.message }
}

extension CountersOptions {
    package var problem: String? {
        do throws(CacheError) {
            _ = try (life("configure"), memory("configure"))
            return nil
        } catch {
            return error.message
        }
    }
}

extension LeaderboardOptions {
    package var problem: String? {
        do throws(CacheError) {
            try check("configure")
            return nil
        } catch {
            return error.message
        }
    }
}
