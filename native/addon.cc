// The Node-API layer: converts arguments and results. No other file here uses Node.
#include <napi.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clocks.h"
#include "collector.h"
#include "file_pages.h"
#include "heap_limits.h"
#include "sensors/audit/cleanup.h"
#include "sensors/audit/inspection.h"
#include "sensors/audit/log_reader.h"
#include "sensors/audit/logins.h"
#include "sensors/audit_connector/audit_connector.h"
#include "sensors/connector/connector.h"
#include "sensors/ebpf/ebpf_sensor.h"
#include "socket_peer.h"

namespace process_ancestry {
namespace {

Napi::Buffer<uint8_t> to_buffer(Napi::Env env, const Batch& batch) {
  return Napi::Buffer<uint8_t>::Copy(env, batch.data(), batch.size());
}

Napi::Array to_list(Napi::Env env, const std::vector<Problem>& problems) {
  auto list = Napi::Array::New(env, problems.size());
  for (size_t i = 0; i < problems.size(); ++i) {
    auto problem = Napi::Object::New(env);
    problem.Set("code", problems[i].code);
    problem.Set("detail", problems[i].detail);
    list.Set(static_cast<uint32_t>(i), problem);
  }
  return list;
}

// Reads an object's fields. Throws a TypeError for the first wrong field and skips all later ones.
class OptionReader {
 public:
  explicit OptionReader(const Napi::Object& object) : object_(object) {}

  bool boolean(const char* name) {
    const Napi::Value value = get(name);
    if (failed_) return false;
    if (value.IsBoolean()) return value.As<Napi::Boolean>().Value();
    fail(name, "a boolean");
    return false;
  }
  std::string text(const char* name) {
    const Napi::Value value = get(name);
    if (failed_) return {};
    if (value.IsString()) return value.As<Napi::String>().Utf8Value();
    fail(name, "a string");
    return {};
  }
  size_t bytes(const char* name) { return whole(name, "a whole number of bytes from 1 to 2^30"); }
  double milliseconds(const char* name) {
    return static_cast<double>(whole(name, "a whole number of milliseconds from 1 to 2^30"));
  }
  // Optional fields, with a default.
  bool boolean(const char* name, bool otherwise) {
    return get(name).IsUndefined() ? otherwise : boolean(name);
  }
  size_t power_of_2(const char* name, size_t otherwise) {
    if (get(name).IsUndefined()) return otherwise;
    const size_t number = bytes(name);
    constexpr size_t kLeast = 64 << 10;  // a multiple of every page size
    if (!failed_ && (number < kLeast || (number & (number - 1)) != 0))
      fail(name, "a power of 2 from 2^16 to 2^30");
    return number;
  }
  std::vector<std::string> texts(const char* name) {
    std::vector<std::string> result;
    const Napi::Value value = get(name);
    if (failed_ || value.IsUndefined()) return result;
    if (!value.IsArray()) {
      fail(name, "a list of strings");
      return result;
    }
    const auto list = value.As<Napi::Array>();
    for (uint32_t i = 0; i < list.Length() && !failed_; ++i) {
      const Napi::Value one = list.Get(i);
      if (!one.IsString()) {
        fail(name, "a list of strings");
      } else {
        result.push_back(one.As<Napi::String>().Utf8Value());
      }
    }
    return result;
  }
  bool failed() const { return failed_; }
  void fail(const char* name, const char* expected) {
    if (!failed_) {
      Napi::TypeError::New(object_.Env(), std::string(name) + " must be " + expected)
          .ThrowAsJavaScriptException();
    }
    failed_ = true;
  }

 private:
  size_t whole(const char* name, const char* expected) {
    constexpr double kMost = 1 << 30;
    const Napi::Value value = get(name);
    if (failed_) return 0;
    const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : NAN;
    if (number >= 1 && number <= kMost && number == std::floor(number)) return static_cast<size_t>(number);
    fail(name, expected);
    return 0;
  }
  Napi::Value get(const char* name) {
    if (failed_) return {};
    const Napi::Value value = object_.Get(name);
    failed_ = object_.Env().IsExceptionPending();
    return value;
  }

  const Napi::Object object_;
  bool failed_ = false;
};

// One run of the collector, and the delivery of its batches to JavaScript. Shared with calls that are still
// running.
class Run {
 public:
  Run(Sensors sensors, size_t queue_max_bytes, Napi::ThreadSafeFunction wake,
      std::function<void(bool)> on_wake)
      : wake_(std::move(wake)), collector_(std::move(sensors), queue_max_bytes, std::move(on_wake)) {}

  Collector& collector() { return collector_; }
  bool stopped() const { return stopped_; }

  // Called on the collector thread.
  static void wake(const std::shared_ptr<Run>& run, bool has_changed) {
    run->wake_.NonBlockingCall([run, has_changed](Napi::Env env, const Napi::Function& on_waiting) {
      on_waiting.Call({Napi::Boolean::New(env, has_changed)});
      // Below Node-API 10 an exception here causes only a warning. Make it an uncaught exception.
      if (env.IsExceptionPending()) napi_fatal_exception(env, env.GetAndClearPendingException().Value());
    });
  }

  // Copies the oldest chunk into `room`. Returns its size, the negative size if `room` is too small, or 0 if
  // nothing waits.
  double take(uint8_t* room, size_t room_bytes) {
    const size_t size = collector_.queue().next_size();
    if (size > room_bytes) return -static_cast<double>(size);
    collector_.queue().take(batch_);
    if (!batch_.empty()) std::memcpy(room, batch_.data(), batch_.size());
    return static_cast<double>(batch_.size());
  }

  // Ends the thread. Queued records can still be delivered.
  void stop() {
    if (stopped_) return;
    stopped_ = true;
    collector_.stop();
    wake_.Release();
  }

 private:
  Napi::ThreadSafeFunction wake_;
  Collector collector_;
  Batch batch_;
  bool stopped_ = false;
};

class LogReaderObject : public Napi::ObjectWrap<LogReaderObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(
        env, "LogReader",
        {InstanceMethod("feed", &LogReaderObject::feed), InstanceMethod("flush", &LogReaderObject::flush),
         InstanceMethod("end", &LogReaderObject::end), InstanceMethod("stats", &LogReaderObject::stats)});
  }

  explicit LogReaderObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<LogReaderObject>(info) {
    if (info.Length() < 1 || !info[0].IsObject()) {
      Napi::TypeError::New(info.Env(), "LogReader takes an object of options").ThrowAsJavaScriptException();
      return;
    }
    OptionReader read(info[0].As<Napi::Object>());
    const size_t args_max_bytes = read.bytes("argsMaxBytes");
    if (!read.failed()) reader_.emplace(args_max_bytes);
  }

 private:
  Napi::Value feed(const Napi::CallbackInfo& info) {
    if (info.Length() < 1 || !info[0].IsTypedArray() ||
        info[0].As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
      Napi::TypeError::New(info.Env(), "feed takes a Buffer").ThrowAsJavaScriptException();
      return info.Env().Undefined();
    }
    const auto text = info[0].As<Napi::Uint8Array>();
    reader_->feed({reinterpret_cast<const char*>(text.Data()), text.ByteLength()});
    return take(info.Env());
  }

  Napi::Value flush(const Napi::CallbackInfo& info) {
    reader_->flush();
    return take(info.Env());
  }

  Napi::Value end(const Napi::CallbackInfo& info) {
    reader_->end();
    return take(info.Env());
  }

  // Returns what is new for each host.
  Napi::Value take(Napi::Env env) {
    auto result = Napi::Array::New(env);
    for (const auto& host : reader_->hosts()) {
      const auto news = host->names.take_news();
      if (host->batch.empty() && news.empty()) continue;
      auto names = Napi::Array::New(env, news.size());
      for (size_t i = 0; i < news.size(); ++i) {
        auto name = Napi::Object::New(env);
        name.Set("id", news[i].id);
        name.Set("ofGroup", news[i].of_group);
        name.Set("text", news[i].text);
        names.Set(static_cast<uint32_t>(i), name);
      }
      auto one = Napi::Object::New(env);
      one.Set("host", host->name);
      one.Set("names", names);
      one.Set("batch", to_buffer(env, host->batch));
      host->batch.clear();
      result.Set(result.Length(), one);
    }
    return result;
  }

  Napi::Value stats(const Napi::CallbackInfo& info) {
    auto result = Napi::Object::New(info.Env());
    const auto set = [&](const char* name, uint64_t value) { result.Set(name, static_cast<double>(value)); };
    const audit::LogReader::Counters& read = reader_->counters();
    const audit::Assembler::Counters assembled = reader_->assembled();
    set("lines", read.lines);
    set("records", read.records);
    set("events", assembled.events);
    set("malformed", read.malformed + assembled.malformed);
    set("incomplete", assembled.incomplete);
    set("beyondHosts", read.beyond_hosts);
    const auto lines_of = [&read](audit::LineForm form) { return read.forms[static_cast<size_t>(form)]; };
    set("interpretedLines", lines_of(audit::LineForm::kInterpreted));
    set("eventLines", lines_of(audit::LineForm::kEventLine));
    set("jsonLines", lines_of(audit::LineForm::kJson));
    set("linesWithoutId", lines_of(audit::LineForm::kWithoutId));
    set("quotedLines", lines_of(audit::LineForm::kInQuotes));
    return result;
  }

  std::optional<audit::LogReader> reader_;
};

class ProcessAncestryAddon : public Napi::Addon<ProcessAncestryAddon> {
 public:
  ProcessAncestryAddon(Napi::Env env, Napi::Object exports) {
    limit_heap();
    DefineAddon(exports, {InstanceMethod("start", &ProcessAncestryAddon::start),
                          InstanceMethod("stop", &ProcessAncestryAddon::stop),
                          InstanceMethod("take", &ProcessAncestryAddon::take),
                          InstanceMethod("stats", &ProcessAncestryAddon::stats),
                          InstanceMethod("drainNow", &ProcessAncestryAddon::drain_now),
                          InstanceMethod("requestSnapshot", &ProcessAncestryAddon::request_snapshot),
                          InstanceMethod("onItsWay", &ProcessAncestryAddon::on_its_way),
                          InstanceMethod("trySensor", &ProcessAncestryAddon::try_sensor),
                          InstanceMethod("inspectAudit", &ProcessAncestryAddon::inspect_audit),
                          InstanceMethod("cleanUpAudit", &ProcessAncestryAddon::clean_up_audit),
                          InstanceMethod("connectorError", &ProcessAncestryAddon::connector_error),
                          InstanceMethod("listenerOf", &ProcessAncestryAddon::listener_of_socket),
                          InstanceMethod("connectionPeer", &ProcessAncestryAddon::connection_peer_of),
                          InstanceMethod("releaseFilePages", &ProcessAncestryAddon::release_pages),
                          InstanceMethod("clockIsSynchronized", &ProcessAncestryAddon::clock_synchronized),
                          InstanceMethod("bootToUnixMs", &ProcessAncestryAddon::boot_to_unix_ms)});
    exports.Set("LogReader", LogReaderObject::define(env));
  }

 private:
  Napi::Value start(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (info.Length() < 2 || !info[0].IsObject() || !info[1].IsFunction()) {
      Napi::TypeError::New(env, "start takes an object of options and a function")
          .ThrowAsJavaScriptException();
      return env.Undefined();
    }
    if (run_ && !run_->stopped()) {
      Napi::Error::New(env, "already started").ThrowAsJavaScriptException();
      return env.Undefined();
    }
    size_t queue_max_bytes = 0;
    Sensors sensors = read_sensors(info[0].As<Napi::Object>(), queue_max_bytes);
    if (sensors.empty()) return env.Undefined();

    const auto on_waiting = info[1].As<Napi::Function>();
    auto wake = Napi::ThreadSafeFunction::New(env, on_waiting, "process_ancestry", 0, 1);
    if (env.IsExceptionPending()) return env.Undefined();
    // Weak, because the run owns the collector, which owns this function.
    auto self = std::make_shared<std::weak_ptr<Run>>();
    run_ = std::make_shared<Run>(std::move(sensors), queue_max_bytes, wake, [self](bool has_changed) {
      if (const auto run = self->lock()) Run::wake(run, has_changed);
    });
    *self = run_;

    std::vector<Problem> problems;
    run_->collector().start(problems);
    stop_at_process_exit(env);
    // Hooks run in reverse order: this one runs before the hook of the thread-safe function.
    napi_add_env_cleanup_hook(env, &stop_at_exit, run_.get());

    auto result = Napi::Object::New(env);
    result.Set("hears", run_->collector().stats().sensors.hears);
    result.Set("hasSnapshot", run_->collector().has_snapshot());
    result.Set("problems", to_list(env, problems));
    return result;
  }

  // process.exit() does not run the environment's hooks, but it emits the exit event of `process`.
  void stop_at_process_exit(Napi::Env env) {
    if (listens_for_exit_) return;
    listens_for_exit_ = true;
    const auto process = env.Global().Get("process").As<Napi::Object>();
    const auto stop = Napi::Function::New(env, [this](const Napi::CallbackInfo&) {
      if (run_) run_->stop();
    });
    process.Get("on").As<Napi::Function>().Call(process, {Napi::String::New(env, "exit"), stop});
  }

  static void stop_at_exit(void* run) { static_cast<Run*>(run)->stop(); }

  // Returns no sensor and throws a TypeError if the options are invalid.
  static Sensors read_sensors(const Napi::Object& object, size_t& queue_max_bytes) {
    OptionReader read(object);
    Sensors sensors;
    const std::string sensor = read.text("sensor");
    queue_max_bytes = read.bytes("queueMaxBytes");
    if (sensor == "ebpf") {
      ebpf::EbpfSensor::Options options;
      options.args_max_bytes = read.bytes("argsMaxBytes");
      options.ring_bytes = read.power_of_2("ringBytes", options.ring_bytes);
      options.sessions = read.boolean("tellsSessions", options.sessions);
      options.ids = read.boolean("tellsIds", options.ids);
      options.environment_names = read.texts("environmentNames");
      if (read.failed()) return sensors;
      sensors.push_back(std::make_unique<ebpf::EbpfSensor>(std::move(options)));
      sensors.push_back(std::make_unique<audit::Logins>());
      return sensors;
    }
    AuditConnector::Options options;
    choose_parts(sensor, options);
    options.rule_key = read.text("ruleKey");
    options.state_file = read.text("stateFile");
    options.args_max_bytes = read.bytes("argsMaxBytes");
    options.socket_buffer_bytes = read.bytes("socketBufferBytes");
    options.owner_grace_ms = read.milliseconds("ownerGraceMs");
    constexpr size_t kKeyMax = 256;  // linux/audit.h, AUDIT_MAX_KEY_LEN
    if (!read.failed() && (options.rule_key.empty() || options.rule_key.size() > kKeyMax)) {
      read.fail("ruleKey", "1 to 256 bytes long");
    }
    if (!read.failed() && !options.audit && !options.connector) {
      read.fail("sensor", "ebpf, audit+proc_events, audit or proc_events");
    }
    if (!read.failed()) sensors.push_back(std::make_unique<AuditConnector>(std::move(options)));
    return sensors;
  }

  static void choose_parts(const std::string& sensor, AuditConnector::Options& options) {
    options.audit = sensor == "audit+proc_events" || sensor == "audit";
    options.connector = sensor == "audit+proc_events" || sensor == "proc_events";
    options.audit_forks = sensor == "audit";
  }

  Napi::Value stop(const Napi::CallbackInfo& info) {
    if (run_ && !run_->stopped()) {
      napi_remove_env_cleanup_hook(info.Env(), &stop_at_exit, run_.get());
      run_->stop();
    }
    return info.Env().Undefined();
  }

  Napi::Value take(const Napi::CallbackInfo& info) {
    if (info.Length() < 1 || !info[0].IsBuffer()) {
      Napi::TypeError::New(info.Env(), "take takes a Buffer").ThrowAsJavaScriptException();
      return info.Env().Undefined();
    }
    const auto room = info[0].As<Napi::Buffer<uint8_t>>();
    return Napi::Number::New(info.Env(), run_ ? run_->take(room.Data(), room.Length()) : 0);
  }

  Napi::Value stats(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    const Collector::Stats stats = run_ ? run_->collector().stats() : Collector::Stats{};
    auto result = Napi::Object::New(env);
    const auto set = [&result](const char* name, uint64_t value) {
      result.Set(name, static_cast<double>(value));
    };
    result.Set("hears", stats.sensors.hears);
    set("messages", stats.sensors.messages);
    set("lost", stats.sensors.lost);
    set("kernelLost", stats.sensors.kernel_lost);
    set("kernelBacklog", stats.sensors.kernel_backlog);
    set("malformed", stats.sensors.malformed);
    set("incomplete", stats.sensors.incomplete);
    set("queueBytes", stats.queue_bytes);
    set("queueDropped", stats.queue_dropped);
    result.Set("problems", to_list(env, stats.sensors.problems));
    return result;
  }

  Napi::Value drain_now(const Napi::CallbackInfo& info) {
    if (run_ && !run_->stopped()) run_->collector().drain_now();
    return info.Env().Undefined();
  }

  Napi::Value request_snapshot(const Napi::CallbackInfo& info) {
    if (run_ && !run_->stopped()) run_->collector().request_snapshot();
    return info.Env().Undefined();
  }

  Napi::Value on_its_way(const Napi::CallbackInfo& info) {
    const bool runs = run_ && !run_->stopped();
    return Napi::Number::New(info.Env(), runs ? static_cast<double>(run_->collector().on_its_way()) : 0);
  }

  Napi::Value try_sensor(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (info.Length() < 2 || !info[0].IsString() || !info[1].IsString()) {
      Napi::TypeError::New(env, "trySensor takes a sensor and the key of our rules")
          .ThrowAsJavaScriptException();
      return env.Undefined();
    }
    const std::string sensor = info[0].As<Napi::String>().Utf8Value();
    std::vector<Problem> problems;
    if (sensor == "ebpf") {
      ebpf::EbpfSensor::Options options;
      options.ring_bytes = kTrialRingBytes;
      ebpf::EbpfSensor(std::move(options)).open(problems);
      return to_list(env, problems);
    }
    AuditConnector::Options options;
    choose_parts(sensor, options);
    if (!options.audit && !options.connector) {
      Napi::TypeError::New(env, "trySensor: no sensor " + sensor).ThrowAsJavaScriptException();
      return env.Undefined();
    }
    options.rule_key = info[1].As<Napi::String>().Utf8Value();
    return to_list(env, AuditConnector::obstacles(options));
  }

  Napi::Value inspect_audit(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    auto result = Napi::Object::New(env);
    if (info.Length() < 1 || !info[0].IsString()) {
      Napi::TypeError::New(env, "inspectAudit takes the key of our rules").ThrowAsJavaScriptException();
      return env.Undefined();
    }
    const audit::Inspection found = audit::inspect(info[0].As<Napi::String>().Utf8Value());
    result.Set("error", found.error);
    result.Set("enabled", found.status.enabled);
    result.Set("pid", found.status.pid);
    result.Set("backlogLimit", found.status.backlog_limit);
    result.Set("backlog", found.status.backlog);
    result.Set("lost", found.status.lost);
    auto rules = Napi::Array::New(env, found.rules.size());
    constexpr const char* kHidingNames[] = {"none", "some", "all"};
    for (size_t i = 0; i < found.rules.size(); ++i) {
      auto rule = Napi::Object::New(env);
      rule.Set("ours", found.rules[i].ours);
      rule.Set("silencesAllTasks", found.rules[i].silences_all_tasks);
      rule.Set("coversExec", found.rules[i].covers_exec);
      rule.Set("hidesExecs", kHidingNames[static_cast<size_t>(found.rules[i].hides_execs)]);
      rule.Set("excludedType", found.rules[i].excluded_type);
      rules.Set(static_cast<uint32_t>(i), rule);
    }
    result.Set("rules", rules);
    return result;
  }

  Napi::Value clean_up_audit(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (info.Length() < 2 || !info[0].IsString() || !info[1].IsString()) {
      Napi::TypeError::New(env, "cleanUpAudit takes the key of our rules and the state file")
          .ThrowAsJavaScriptException();
      return env.Undefined();
    }
    const audit::Cleanup done =
        audit::clean_up(info[0].As<Napi::String>().Utf8Value(), info[1].As<Napi::String>().Utf8Value());
    auto result = Napi::Object::New(env);
    result.Set("rulesRemoved", done.rules_removed);
    result.Set("settingsPutBack", done.settings_put_back);
    if (done.problem) {
      auto problem = Napi::Object::New(env);
      problem.Set("code", done.problem->code);
      problem.Set("detail", done.problem->detail);
      result.Set("problem", problem);
    }
    return result;
  }

  Napi::Value connector_error(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), connector::try_to_bind());
  }

  Napi::Value listener_of_socket(const Napi::CallbackInfo& info) {
    if (info.Length() < 1 || !info[0].IsString()) {
      Napi::TypeError::New(info.Env(), "listenerOf takes the path of a socket").ThrowAsJavaScriptException();
      return info.Env().Undefined();
    }
    return Napi::Number::New(info.Env(), listener_of(info[0].As<Napi::String>().Utf8Value()));
  }

  Napi::Value connection_peer_of(const Napi::CallbackInfo& info) {
    if (info.Length() < 1 || !info[0].IsNumber()) {
      Napi::TypeError::New(info.Env(), "connectionPeer takes a pid").ThrowAsJavaScriptException();
      return info.Env().Undefined();
    }
    return Napi::String::New(info.Env(), connection_peer(info[0].As<Napi::Number>().Int32Value()));
  }

  Napi::Value release_pages(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(release_file_pages()));
  }

  Napi::Value clock_synchronized(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), clock_is_synchronized());
  }

  Napi::Value boot_to_unix_ms(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), unix_minus_boottime_ms());
  }

  static constexpr size_t kTrialRingBytes = 64 << 10;

  std::shared_ptr<Run> run_;
  bool listens_for_exit_ = false;
};

}  // namespace
}  // namespace process_ancestry

using process_ancestry::ProcessAncestryAddon;
NODE_API_ADDON(ProcessAncestryAddon)
