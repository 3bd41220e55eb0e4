import java.util.*;
import org.apache.mesos.*;
import org.apache.mesos.Protos.*;
import org.apache.mesos.state.*;
import java.util.concurrent.TimeUnit;

/** Makes mistakes with Mesos's drivers, and prints what comes of each. No master is needed. */
@SuppressWarnings({"unchecked", "rawtypes"})
public class Wrong {
    private static final String NOBODY = "127.0.0.1:1";
    private static final FrameworkInfo FRAMEWORK =
            FrameworkInfo.newBuilder().setUser("").setName("wrong").build();
    private static final Offer.Operation WITH_ID = Offer.Operation.newBuilder()
            .setType(Offer.Operation.Type.LAUNCH).setId(OperationID.newBuilder().setValue("o")).build();
    private static final TaskID TASK = TaskID.newBuilder().setValue("t").build();

    private interface Try {
        Object now() throws Exception;
    }

    private static void say(String name, Try what) {
        try {
            System.out.println(name + ": " + what.now());
        } catch (Throwable thrown) {
            System.out.println(name + ": " + thrown);
        }
    }

    public static void main(String[] arguments) {
        arguments();
        states();
        executor();
        say("zk", () -> driver("zk://10.0.0.1:2181/mesos"));
        say("port", () -> driver("10.0.0.1:http"));
        say("ZooKeeperState", () -> new ZooKeeperState("z:2181", 1, TimeUnit.SECONDS, "/x"));
        say("ZooKeeperState with a name", () ->
                new ZooKeeperState("z:2181", 1, TimeUnit.SECONDS, "/x", "digest", new byte[0]));
        say("LogState", () -> new LogState("z:2181", 1, TimeUnit.SECONDS, "/x", 1, "/log"));
        say("LevelDBState", () -> new LevelDBState("/x"));
        say("Log", () -> new Log(1, "/log", Set.of("a:1")));
        say("InMemoryState", () -> {
            State state = new InMemoryState();
            Variable variable = state.fetch("x").get();
            state.store(variable.mutate("y".getBytes())).get();
            return new String(state.fetch("x").get().value());
        });
    }

    private static void arguments() {
        MesosSchedulerDriver driver = driver(NOBODY);
        say("null task", () -> driver.killTask(null));
        say("null offer", () -> driver.declineOffer(null));
        say("null offers", () -> driver.launchTasks((Collection<OfferID>) null, List.of()));
        say("null in a list", () -> driver.reconcileTasks(Arrays.asList((TaskStatus) null)));
        say("null roles", () -> driver.suppressOffers(null));
        say("null role", () -> driver.reviveOffers(Arrays.asList((String) null)));
        say("null constraints", () -> driver.updateFramework(FRAMEWORK, List.of(), null));
        say("null bytes", () -> driver.sendFrameworkMessage(
                ExecutorID.newBuilder().setValue("e").build(), SlaveID.newBuilder().setValue("a").build(), null));
        say("text among offers", () -> driver.launchTasks((Collection) List.of("o"), List.of()));
        say("a task among roles", () -> driver.suppressOffers((Collection) List.of(TASK)));
        say("a task among offers", () -> driver.launchTasks((Collection) List.of(TASK), List.of()));
        say("an operation with an id", () ->
                driver.acceptOffers(List.of(), List.of(WITH_ID), Filters.getDefaultInstance()));
        say("a list that throws", () -> driver.reviveOffers(new AbstractList<String>() {
            @Override
            public String get(int index) {
                throw new UnsupportedOperationException("by itself");
            }

            @Override
            public int size() {
                return 1;
            }
        }));
        say("acknowledged twice", () -> driver.acknowledgeStatusUpdate(
                TaskStatus.newBuilder().setTaskId(TASK).setState(TaskState.TASK_RUNNING).build()));
    }

    private static void states() {
        MesosSchedulerDriver driver = driver(NOBODY);
        say("before start", () -> driver.killTask(TASK));
        say("start", driver::start);
        say("while there is no master", () -> driver.killTask(TASK));
        say("start again", driver::start);
        say("abort", driver::abort);
        say("after abort", () -> driver.killTask(TASK));
        say("join", driver::join);
        say("stop", driver::stop);
        say("after stop", () -> driver.reviveOffers(List.of("a")));
        say("start at last", driver::start);
    }

    private static void executor() {
        MesosExecutorDriver driver = new MesosExecutorDriver(new Nobody());
        say("executor before start", () -> driver.sendFrameworkMessage(new byte[0]));
        say("executor without an agent", driver::start);
        say("executor's null update", () -> driver.sendStatusUpdate(null));
        say("executor's staging task", () -> driver.sendStatusUpdate(
                TaskStatus.newBuilder().setTaskId(TASK).setState(TaskState.TASK_STAGING).build()));
        say("executor's null bytes", () -> driver.sendFrameworkMessage(null));
        say("executor's stop", driver::stop);
    }

    private static MesosSchedulerDriver driver(String master) {
        return new MesosSchedulerDriver(new Nobody(), FRAMEWORK, master);
    }

    /** Is told nothing. */
    private static class Nobody implements Scheduler, Executor {
        public void registered(SchedulerDriver driver, FrameworkID id, MasterInfo master) {}
        public void reregistered(SchedulerDriver driver, MasterInfo master) {}
        public void disconnected(SchedulerDriver driver) {}
        public void resourceOffers(SchedulerDriver driver, List<Offer> offers) {}
        public void statusUpdate(SchedulerDriver driver, TaskStatus status) {}
        public void error(SchedulerDriver driver, String message) {}
        public void offerRescinded(SchedulerDriver driver, OfferID offer) {}
        public void frameworkMessage(SchedulerDriver driver, ExecutorID executor, SlaveID agent, byte[] data) {}
        public void slaveLost(SchedulerDriver driver, SlaveID agent) {}
        public void executorLost(SchedulerDriver driver, ExecutorID executor, SlaveID agent, int status) {}
        public void registered(ExecutorDriver driver, ExecutorInfo executor, FrameworkInfo framework, SlaveInfo agent) {}
        public void reregistered(ExecutorDriver driver, SlaveInfo agent) {}
        public void disconnected(ExecutorDriver driver) {}
        public void launchTask(ExecutorDriver driver, TaskInfo task) {}
        public void killTask(ExecutorDriver driver, TaskID task) {}
        public void frameworkMessage(ExecutorDriver driver, byte[] data) {}
        public void shutdown(ExecutorDriver driver) {}
        public void error(ExecutorDriver driver, String message) {}
    }
}
