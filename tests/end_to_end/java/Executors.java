import java.util.*;
import org.apache.mesos.*;
import org.apache.mesos.Protos.*;

/**
 * A framework and its executor, both by Mesos's drivers, and what they are told, a line each.
 *
 * <pre>
 * Executors MASTER          launches two tasks on an executor, talks with it, kills one and ends
 * Executors MASTER AGENT    the same, when the executor has lost its agent and found it at AGENT again
 * Executors MASTER AGENT ends
 *                           launches them on an executor that is to end with its agent, and does not
 * Executors executor        the executor
 * </pre>
 *
 * The variable PROGRAM names this file.
 */
public class Executors implements Scheduler {
    private final Optional<String> agent;
    private final boolean endsWithAgent;
    private final Set<String> running = new TreeSet<>();
    private boolean launched;
    private boolean greeted;

    Executors(Optional<String> agent, boolean endsWithAgent) {
        this.agent = agent;
        this.endsWithAgent = endsWithAgent;
    }

    public static void main(String[] arguments) {
        if (arguments[0].equals("executor")) {
            ExecutorDriver driver = new MesosExecutorDriver(new Worker());
            say("ended as " + driver.run());
            say("after its end: " + driver.sendFrameworkMessage(new byte[0]));
            return;
        }
        FrameworkInfo framework = FrameworkInfo.newBuilder().setUser("").setName("executors").build();
        Optional<String> agent = Arrays.stream(arguments).skip(1).findFirst();
        Scheduler scheduler = new Executors(agent, arguments.length > 2);
        say("ended as " + new MesosSchedulerDriver(scheduler, framework, arguments[0]).run());
    }

    private static void say(String line) {
        System.out.println(line);
    }

    private static Environment.Variable variable(String name, String value) {
        return Environment.Variable.newBuilder().setName(name).setValue(value).build();
    }

    private ExecutorInfo executor() {
        String command = "exec java -cp '" + System.getProperty("java.class.path") + "' '"
                + System.getenv("PROGRAM") + "' executor";
        Environment.Builder environment = Environment.newBuilder()
                .addVariables(variable("MESOS_NATIVE_JAVA_LIBRARY", System.getenv("MESOS_NATIVE_JAVA_LIBRARY")));
        agent.ifPresent(address -> environment
                .addVariables(variable("MESOS_AGENT_ENDPOINT", address))
                .addVariables(variable("MESOS_CHECKPOINT", endsWithAgent ? "0" : "1")));
        if (endsWithAgent) {
            environment.addVariables(variable("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "100ms"))
                    .addVariables(variable("STUBBORN", "1"));
        }
        return ExecutorInfo.newBuilder().setExecutorId(ExecutorID.newBuilder().setValue("e"))
                .setCommand(CommandInfo.newBuilder().setValue(command).setEnvironment(environment))
                .addResources(scalar("cpus", 0.1)).addResources(scalar("mem", 512)).build();
    }

    private static Resource scalar(String name, double value) {
        return Resource.newBuilder().setName(name).setType(Value.Type.SCALAR)
                .setScalar(Value.Scalar.newBuilder().setValue(value)).build();
    }

    @Override
    public void resourceOffers(SchedulerDriver driver, List<Offer> offers) {
        for (Offer offer : offers) {
            if (launched) {
                driver.declineOffer(offer.getId());
                continue;
            }
            launched = true;
            List<TaskInfo> tasks = new ArrayList<>();
            for (String name : List.of("one", "two")) {
                tasks.add(TaskInfo.newBuilder().setName(name).setTaskId(TaskID.newBuilder().setValue(name))
                        .setSlaveId(offer.getSlaveId()).setExecutor(executor())
                        .addResources(scalar("cpus", 0.1)).addResources(scalar("mem", 32)).build());
            }
            driver.launchTasks(List.of(offer.getId()), tasks);
        }
    }

    @Override
    public void statusUpdate(SchedulerDriver driver, TaskStatus status) {
        String name = status.getTaskId().getValue();
        say(name + " " + status.getState() + " " + status.getData().toStringUtf8());
        switch (status.getState()) {
            case TASK_RUNNING -> {
                running.add(name);
                // An executor that loses its agent speaks first.
                if (running.size() == 2 && !greeted && agent.isEmpty()) {
                    greeted = true;
                    driver.sendFrameworkMessage(
                            status.getExecutorId(), status.getSlaveId(), "hello".getBytes());
                }
            }
            case TASK_KILLED -> driver.stop();
            default -> {}
        }
    }

    @Override
    public void frameworkMessage(SchedulerDriver driver, ExecutorID executor, SlaveID agent, byte[] data) {
        say("message of " + executor.getValue() + ": " + new String(data));
        driver.killTask(TaskID.newBuilder().setValue("one").build());
    }

    @Override
    public void error(SchedulerDriver driver, String message) {
        say("error: " + message);
    }

    @Override
    public void executorLost(SchedulerDriver driver, ExecutorID executor, SlaveID agent, int status) {
        say("lost " + executor.getValue() + " " + status);
        driver.stop();
    }

    @Override
    public void registered(SchedulerDriver driver, FrameworkID id, MasterInfo master) {}

    @Override
    public void reregistered(SchedulerDriver driver, MasterInfo master) {}

    @Override
    public void disconnected(SchedulerDriver driver) {}

    @Override
    public void offerRescinded(SchedulerDriver driver, OfferID offer) {}

    @Override
    public void slaveLost(SchedulerDriver driver, SlaveID agent) {}

    /** The executor, whose tasks run until they are killed. */
    private static class Worker implements Executor {
        private boolean isNew = true;

        private static void update(ExecutorDriver driver, TaskID task, TaskState state) {
            driver.sendStatusUpdate(TaskStatus.newBuilder().setTaskId(task).setState(state)
                    .setData(com.google.protobuf.ByteString.copyFromUtf8("by the executor")).build());
        }

        @Override
        public void registered(
                ExecutorDriver driver, ExecutorInfo executor, FrameworkInfo framework, SlaveInfo agent) {
            say("registered " + executor.getExecutorId().getValue() + " of " + framework.getName());
        }

        @Override
        public void launchTask(ExecutorDriver driver, TaskInfo task) {
            say("launch " + task.getName());
            update(driver, task.getTaskId(), TaskState.TASK_RUNNING);
        }

        @Override
        public void killTask(ExecutorDriver driver, TaskID task) {
            say("kill " + task.getValue());
            update(driver, task, TaskState.TASK_KILLED);
        }

        @Override
        public void frameworkMessage(ExecutorDriver driver, byte[] data) {
            say("message " + new String(data));
            driver.sendFrameworkMessage("welcome".getBytes());
        }

        @Override
        public void disconnected(ExecutorDriver driver) {
            say("disconnected");
        }

        @Override
        public void reregistered(ExecutorDriver driver, SlaveInfo agent) {
            say("registered again");
            if (isNew) {
                isNew = false;
                driver.sendFrameworkMessage("back".getBytes());
            }
        }

        @Override
        public void shutdown(ExecutorDriver driver) {
            say("shutdown");
            if (System.getenv("STUBBORN") != null) {
                return;
            }
            driver.stop();
        }

        @Override
        public void error(ExecutorDriver driver, String message) {
            say("error: " + message);
        }
    }
}
